// How a product of matrices runs: planned by the kernels, its tiles on the thread team; at once, or
// as a launch.
#include <algorithm>
#include <cstring>

#include "core/threads.h"
#include "ops/product.h"

namespace chainrule {

namespace {

using kernels::ProductArgs;
using kernels::ProductFn;
using kernels::ProductPlan;

// Without a k there is nothing to add up: the bias in every row, or zeros.
void fill_rows(const ProductArgs& args, DType t) {
  const int64_t item = itemsize(args.wide_c ? DType::kFloat32 : t);
  for (int64_t i = 0; i < args.m; ++i) {
    char* row = static_cast<char*>(args.c) + i * args.ldc * item;
    if (args.bias) {
      std::memcpy(row, args.bias, args.n * item);
    } else {
      std::memset(row, 0, args.n * item);
    }
  }
  if (args.a_sums) std::memset(args.a_sums, 0, args.m * item);
}

void run_planned(ProductFn fn, const ProductArgs& args, const ProductPlan& plan) {
  const int64_t work = 2 * args.m * args.n * args.k;
  LongWork release(work);
  parallel_ranges(plan.tiles, work,
                  [&](int64_t first, int64_t last) { fn(args, plan, first, last); });
}

// ---- Long sums of few elements, as a weight's gradient from thousands of rows: too small for
// tiles, so threads take blocks of k. Their sums are added up in ascending order, as the kernels
// do it.

constexpr int64_t kMostElements = 4096;  // of C
constexpr int64_t kFewestBlocks = 4;     // of k
constexpr int64_t kLeastWork = 1 << 20;  // operations: 5 us of one thread
constexpr int64_t kRound = 32;           // blocks whose sums wait to be added up

int64_t blocks_of(int64_t k) { return (k + kernels::kProductBlockK - 1) / kernels::kProductBlockK; }

// Bytes from one block's C and sums to the next one's.
int64_t block_bytes(DType t, int64_t m, int64_t n) {
  const int64_t bytes = (m * n + m) * itemsize(t), unit = static_cast<int64_t>(kAlignment);
  return (bytes + unit - 1) / unit * unit;
}

void add_to(DType t, int64_t n, void* sum, const void* more) {
  const void* in[] = {sum, more};
  const int64_t strides[] = {1, 1};
  kernels::table().map[static_cast<int>(kernels::Map::add)][static_cast<int>(t)](n, sum, in,
                                                                                 strides, nullptr);
}

class Split {
 public:
  Split(DType t, ProductFn fn, const ProductArgs& args, const ProductPlan& plan, char* scratch)
      : t_(t),
        fn_(fn),
        args_(args),
        plan_(plan),
        scratch_(scratch),
        bytes_(block_bytes(t, args.m, args.n)) {}

  void run() const {
    const int64_t blocks = blocks_of(args_.k), elements = args_.m * args_.n;
    LongWork release(2 * elements * args_.k);
    for (int64_t begin = 0; begin < blocks; begin += kRound) {
      const int64_t now = std::min(kRound, blocks - begin);
      parallel_for(now, 2 * elements * kernels::kProductBlockK * now,
                   [&](int64_t i) { run_block(begin, i); });
      constexpr int64_t kSlice = 512;
      parallel_for((elements + kSlice - 1) / kSlice, elements * now, [&](int64_t slice) {
        add_blocks(begin, now, slice * kSlice, std::min(kSlice, elements - slice * kSlice));
      });
    }
    if (args_.finish) args_.finish->part(args_.finish->context, 0, args_.m, 0, args_.n);
  }

 private:
  // The first block's sums are where the result is to be, others in the scratch memory.
  void run_block(int64_t begin, int64_t i) const {
    const int64_t k = (begin + i) * kernels::kProductBlockK, item = itemsize(t_);
    ProductArgs block = args_;
    block.k = std::min(kernels::kProductBlockK, args_.k - k);
    block.a = static_cast<const char*>(args_.a) + k * (args_.trans_a ? args_.lda : 1) * item;
    block.b = static_cast<const char*>(args_.b) + k * (args_.trans_b ? 1 : args_.ldb) * item;
    block.finish = nullptr;
    if (k > 0) {
      block.c = scratch_ + i * bytes_;
      if (args_.a_sums) block.a_sums = sums_of(i);
    }
    fn_(block, plan_, 0, plan_.tiles);
  }

  char* sums_of(int64_t i) const {
    return scratch_ + i * bytes_ + args_.m * args_.n * itemsize(t_);
  }

  // Elements [first, first + n) of C, and the sums with the first of them.
  void add_blocks(int64_t begin, int64_t blocks, int64_t first, int64_t n) const {
    const int64_t at = first * itemsize(t_);
    for (int64_t i = begin == 0 ? 1 : 0; i < blocks; ++i) {
      add_to(t_, n, static_cast<char*>(args_.c) + at, scratch_ + i * bytes_ + at);
      if (args_.a_sums && first == 0) add_to(t_, args_.m, args_.a_sums, sums_of(i));
    }
  }

  const DType t_;
  const ProductFn fn_;
  const ProductArgs& args_;
  const ProductPlan& plan_;
  char* const scratch_;
  const int64_t bytes_;
};

bool splits(DType t, const ProductArgs& args, const ProductPlan& plan) {
  return plan.by_blocks && !args.bias && args.ldc == args.n &&
         product_split_scratch(t, args.m, args.n, args.k) > 0;
}

// ---- As a launch

struct ProductLaunch {
  ProductFn fn;
  ProductArgs args;
  ProductPlan plan;
  kernels::ElementwiseFn bias_cast;  // puts the bias into the scratch memory; or null
  ProductPlaces places;
  DType dtype;
  bool splits;
};

struct Finishing {
  const Launch& launch;
  char* const* table;
  int64_t cols;  // of C
};

void finish_part(const void* context, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  const auto& f = *static_cast<const Finishing*>(context);
  if (cols == f.cols) return f.launch.run_tail(f.table, row * cols, rows * cols);
  for (int64_t i = row; i < row + rows; ++i) f.launch.run_tail(f.table, i * f.cols + col, cols);
}

void launch_product(const Launch& launch, char* const* table) {
  const auto& p = launch.as<ProductLaunch>();
  const auto at = [&](int place) { return place < 0 ? nullptr : launch.address(place, table); };
  ProductArgs args = p.args;
  args.c = at(0);
  args.a_sums = at(p.places.sums);
  args.a = at(p.places.a);
  args.b = at(p.places.b);
  args.bias = at(p.places.bias);
  if (p.bias_cast && args.bias) {
    const int64_t stride = 1;
    p.bias_cast(args.n, at(p.places.scratch), &args.bias, &stride, nullptr);
    args.bias = at(p.places.scratch);
  }
  const Finishing finishing{launch, table, args.n};
  const kernels::ProductFinish finish{finish_part, &finishing};
  if (launch.tail) args.finish = &finish;
  if (p.splits && threads_now() > 1) {
    return Split(p.dtype, p.fn, args, p.plan, at(p.places.scratch)).run();
  }
  run_planned(p.fn, args, p.plan);
}

}  // namespace

bool adds_by_blocks(DType t) {
  const kernels::ProductPlanFn plan = kernels::table().product_plan[static_cast<int>(t)];
  if (!plan) return false;
  ProductArgs one{};
  one.m = one.n = one.k = one.lda = one.ldb = one.ldc = 1;
  return plan(one).by_blocks;
}

int64_t product_split_scratch(DType t, int64_t m, int64_t n, int64_t k) {
  const bool known = t == DType::kFloat32 || t == DType::kFloat64;
  if (!known || m * n > kMostElements || blocks_of(k) < kFewestBlocks) return 0;
  if (2 * m * n * k < kLeastWork) return 0;
  return std::min(kRound, blocks_of(k)) * block_bytes(t, m, n);
}

bool prepare_product(DType t, const ProductArgs& args, ProductPlaces places, Launch& launch,
                     kernels::ElementwiseFn bias_cast) {
  const kernels::KernelTable& table = kernels::table();
  const int type = static_cast<int>(t);
  if (args.k == 0 || !table.product[type]) return false;
  if (args.m == 0 || args.n == 0) return true;
  const ProductPlan plan = table.product_plan[type](args);
  const bool split = places.scratch >= 0 && places.bias < 0 && splits(t, args, plan);
  launch.set(launch_product,
             ProductLaunch{table.product[type], args, plan, bias_cast, places, t, split});
  launch.takes_tail = true;
  return true;
}

void run_product(DType t, const ProductArgs& args, char* scratch) {
  if (args.m == 0 || args.n == 0) return;
  if (args.k == 0) return fill_rows(args, t);
  if (t == DType::kBFloat16 && !has_bfloat16_products()) return run_product_in_float32(args);
  const ProductFn fn = kernels::table().product[static_cast<int>(t)];
  const ProductPlan plan = kernels::table().product_plan[static_cast<int>(t)](args);
  if (scratch && splits(t, args, plan) && threads_now() > 1)
    return Split(t, fn, args, plan, scratch).run();
  run_planned(fn, args, plan);
}

}  // namespace chainrule
