// The multiply-add peak of one core at each instruction set: independent chains on registers,
// enough of them to fill the pipes, all zero because subnormals left in a register would slow them.
// Written in assembly, so that no compiler improves it away.
#pragma once

#include <cstdint>
#include <string>

namespace bench {

#if defined(__x86_64__)
#define BENCH_CHAINS(op) \
  op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13)
#define BENCH_CLOBBERS                                                                           \
  "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define BENCH_LOOP(setup, op) \
  asm volatile(setup "1:\n" BENCH_CHAINS(op) "dec %0\njnz 1b\n" : "+r"(turns) : : BENCH_CLOBBERS)

__attribute__((target("avx512f"), noinline)) inline void chains_v4(int64_t turns) {
#define BENCH_OP(r) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #r "\n"
  BENCH_LOOP("vzeroall\n", BENCH_OP);
#undef BENCH_OP
  asm volatile("vzeroupper");
}
__attribute__((target("avx2,fma"), noinline)) inline void chains_v3(int64_t turns) {
#define BENCH_OP(r) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #r "\n"
  BENCH_LOOP("vzeroall\n", BENCH_OP);
#undef BENCH_OP
  asm volatile("vzeroupper");
}
// Without multiply-add the best is one multiplication beside one addition.
__attribute__((noinline)) inline void chains_v2(int64_t turns) {
#define BENCH_OP(r) BENCH_SSE_##r
#define BENCH_ZERO(r) "xorps %%xmm" #r ", %%xmm" #r "\n"
#define BENCH_SSE_0 "mulps %%xmm14, %%xmm0\n"
#define BENCH_SSE_1 "addps %%xmm15, %%xmm1\n"
#define BENCH_SSE_2 "mulps %%xmm14, %%xmm2\n"
#define BENCH_SSE_3 "addps %%xmm15, %%xmm3\n"
#define BENCH_SSE_4 "mulps %%xmm14, %%xmm4\n"
#define BENCH_SSE_5 "addps %%xmm15, %%xmm5\n"
#define BENCH_SSE_6 "mulps %%xmm14, %%xmm6\n"
#define BENCH_SSE_7 "addps %%xmm15, %%xmm7\n"
#define BENCH_SSE_8 "mulps %%xmm14, %%xmm8\n"
#define BENCH_SSE_9 "addps %%xmm15, %%xmm9\n"
#define BENCH_SSE_10 "mulps %%xmm14, %%xmm10\n"
#define BENCH_SSE_11 "addps %%xmm15, %%xmm11\n"
#define BENCH_SSE_12 "mulps %%xmm14, %%xmm12\n"
#define BENCH_SSE_13 "addps %%xmm15, %%xmm13\n"
  BENCH_LOOP(BENCH_CHAINS(BENCH_ZERO) "xorps %%xmm14, %%xmm14\nxorps %%xmm15, %%xmm15\n", BENCH_OP);
#undef BENCH_OP
}

// float32 operations of one turn of run_chains; 0 where there is no loop for the instruction set.
inline int64_t operations(const std::string& isa) {
  if (isa == "v4") return 14 * 16 * 2;
  if (isa == "v3") return 14 * 8 * 2;
  return isa == "v2" ? 14 * 4 : 0;
}
inline void run_chains(const std::string& isa, int64_t turns) {
  if (isa == "v4") chains_v4(turns);
  if (isa == "v3") chains_v3(turns);
  if (isa == "v2") chains_v2(turns);
}
#else
inline int64_t operations(const std::string&) { return 0; }
inline void run_chains(const std::string&, int64_t) {}
#endif

}  // namespace bench
