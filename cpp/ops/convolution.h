// What the operations on windows of planes share: their geometry, and how work is cut into blocks.
#pragma once

#include <algorithm>

#include "core/threads.h"
#include "core/workspace.h"
#include "kernels/dispatch.h"
#include "ops/sides.h"

namespace chainrule::ops {

// How windows lie on planes, as the private operations take it: two numbers each, the padding four
// (top, bottom, left, right).
struct WindowAttrs {
  const Dims &kernel, &stride, &padding, &dilation;
};
// Windows on planes of height x width and how many rows of positions they have. ShapeError unless
// the attributes are in range and the kernel fits in.
kernels::Windows windows_of(const Call& c, const WindowAttrs& a, int64_t height, int64_t width,
                            int64_t* out_h);

// Dense tensors of one floating dtype and of four dimensions each; those not defined count as such.
void check_planes(const Call& c, std::initializer_list<int> inputs);

struct Convolution {
  kernels::Windows w{};
  int64_t images = 0, channels = 0, filters = 0, groups = 1, out_h = 0;

  int64_t taps() const { return w.kernel_h * w.kernel_w; }
  int64_t group_channels() const { return channels / groups; }
  int64_t group_filters() const { return filters / groups; }
  int64_t rows() const { return group_channels() * taps(); }  // of a group's columns
  int64_t positions() const { return out_h * w.out_w; }
  int64_t plane() const { return w.height * w.width; }
  int64_t work() const { return 2 * images * filters * positions() * rows(); }
  // The planes are their own columns.
  bool plain() const {
    return taps() == 1 && w.stride_h == 1 && w.stride_w == 1 && w.top == 0 && w.left == 0 &&
           positions() == plane();
  }
};

// Those of a call of convolve, convolve_input or convolve_weight; ShapeError where operands do not
// fit. And how they are composed of other operations.
Convolution of_convolve(const Call& c);
Convolution of_convolve_input(const Call& c);
Convolution of_convolve_weight(const Call& c);
Dims sizes_of_y(const Convolution& g);
Tensors compose_convolve(const Call& c);
Tensors compose_convolve_input(const Call& c);
Tensors compose_convolve_weight(const Call& c);

// Positions whose columns are made together: a part of an image's, or all of several images.
struct Block {
  int64_t image, images, first, last;
  int64_t width() const { return images * (last - first); }
};

// A rule of sizes alone, because the order in which a weight's gradient is added up shows in it.
class Blocks {
 public:
  // Columns of `rows` rows; images of fewer than `wanted` positions go together.
  Blocks(const Convolution& g, int64_t rows, int64_t item, int64_t wanted);
  int64_t count() const { return groups_of_images_ * parts_; }
  int64_t most() const { return images_ * chunk_; }  // positions of a block
  // Whole images each, whose parts one after the other are what a caller goes through.
  int64_t groups_of_images() const { return groups_of_images_; }
  int64_t parts() const { return parts_; }
  Block operator[](int64_t i) const {
    const int64_t image = i / parts_ * images_, first = i % parts_ * chunk_;
    return {image, std::min(images_, all_images_ - image), first,
            std::min(first + chunk_, positions_)};
  }

 private:
  int64_t all_images_, positions_;
  int64_t images_ = 1;  // of a block
  int64_t groups_of_images_ = 0, parts_ = 1, chunk_ = 0;
};

// The kernels of a dtype.
struct ColumnKernels {
  explicit ColumnKernels(DType dtype);
  int64_t item;
  kernels::ProductPlanFn plan;
  kernels::ProductFn product;
  kernels::ColumnsFn columns;
  kernels::AddColumnsFn add_columns;
  kernels::ShiftRowsFn shift_rows;
  kernels::ElementwiseFn add;

  // On the calling thread; zeros without a k.
  void multiply(const kernels::ProductArgs& args) const;
};

// Dense operands of one dtype; see convolve_run.cpp.
void run_convolve(const Convolution& g, DType dtype, const char* x, const char* w, const char* bias,
                  char* out);
void run_convolve_input(const Convolution& g, DType dtype, const char* dy, const char* w,
                        char* out);
void run_convolve_weight(const Convolution& g, DType dtype, const char* dy, const char* x,
                         char* out);

}  // namespace chainrule::ops
