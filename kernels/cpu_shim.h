// The CUDA language, as far as our kernels use it, on a CPU: g++ compiles `#include "cpu_shim.h"` + kernel.cu.
//
// A kernel becomes a function, a launch becomes loops: blocks are iterations of an OpenMP loop, the threads of a block
// a plain loop inside. Kernels that talk across threads (__syncthreads, warp shuffles) are built with SHIM_FIBRES:
// every thread is then a fibre (ucontext) and a barrier hands over to the next one.
//
//   SHIM_FIBRES      threads are fibres: slow, for tests
//   SHIM_OWN_SLICES  one OpenMP iteration per (y, z) of the grid, x in order: for kernels whose (y, z) slices write
//                    disjoint outputs; atomicAdd is then a plain add, and sums have one order in every run
//   SHIM_REVERSED    blocks run backwards: what depends on their order shows
//
// Not modelled: races, the memory model, dynamic shared memory, fast-math, the device's own expf.
#pragma once
#define CPU_SHIM 1
#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>
#ifdef SHIM_FIBRES
#include <ucontext.h>
#include <vector>
#endif

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __shared__ static thread_local  // an OpenMP thread runs one block at a time

struct dim3 {
  unsigned x, y, z;
};
static thread_local dim3 threadIdx, blockIdx, blockDim, gridDim;

// 16-bit numbers: round to nearest, ties to even, as the device does. Integer arithmetic and selects only, so that a
// loop over lanes becomes vectors; conversions of the compiler's own half type do not.
struct __half {
  uint16_t bits;
};
struct __nv_bfloat16 {
  uint16_t bits;
};
template <class To, class From>
static inline To bit_cast(From from) {
  To to;
  memcpy(&to, &from, sizeof(To));
  return to;
}
static inline float __half2float(__half h) {
  const uint32_t sign = (uint32_t)(h.bits & 0x8000u) << 16;
  const float scaled = bit_cast<float>((uint32_t)(h.bits & 0x7fffu) << 13) * 0x1p112f;  // subnormals too, exactly
  const uint32_t special = scaled >= 65536.f ? 0x7f800000u : 0u;                        // infinity, or no number
  return bit_cast<float>(bit_cast<uint32_t>(scaled) | special | sign);
}
static inline __half __float2half_rn(float f) {
  const uint32_t u = bit_cast<uint32_t>(f), a = u & 0x7fffffffu, sign = (u >> 16) & 0x8000u;
  const uint32_t normal = (a - (112u << 23) + 0xfffu + ((a >> 13) & 1u)) >> 13;
  const uint32_t tiny = bit_cast<uint32_t>(bit_cast<float>(a) + 0.5f) - bit_cast<uint32_t>(0.5f);  // the sum rounds
  const uint32_t large = a > 0x7f800000u ? 0x7e00u : 0x7c00u;
  const uint32_t found = a >= 0x47800000u ? large : (a < 0x38800000u ? tiny : normal);
  return __half{(uint16_t)(found | sign)};
}
static inline float __bfloat162float(__nv_bfloat16 h) { return bit_cast<float>((uint32_t)h.bits << 16); }
static inline __nv_bfloat16 __float2bfloat16_rn(float f) {
  const uint32_t u = bit_cast<uint32_t>(f);
  const uint32_t rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  const uint32_t quiet_nan = (u >> 16) | 0x40;
  return __nv_bfloat16{(uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? quiet_nan : rounded)};
}

// Built with -ffp-contract=off, so these mean what they say: one rounding each.
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline long long __float2ll_rn(float a) { return llrintf(a); }
static inline int __popc(unsigned a) { return __builtin_popcount(a); }

template <class T>
static inline T atomicAdd(T *p, T v) {
  T old;
#ifdef SHIM_OWN_SLICES
  old = *p;
  *p = old + v;
#else
#pragma omp atomic capture
  {
    old = *p;
    *p += v;
  }
#endif
  return old;
}

namespace shim {

#ifdef SHIM_FIBRES
struct Fibre {
  ucontext_t context;
  dim3 thread;
  bool done;
};
static const size_t STACK = 128 << 10;
static thread_local std::vector<Fibre> *fibres;
static thread_local ucontext_t scheduler;
static thread_local int current;
static inline void yield() {
  int me = current;
  swapcontext(&(*fibres)[me].context, &scheduler);
  threadIdx = (*fibres)[me].thread;
}
// What a fibre shows to the others of its block between two barriers.
static inline uint64_t *mailbox() {
  static thread_local uint64_t slots[1024];
  return slots;
}
template <class F>
struct Entry {
  static thread_local F *body;
  static void run() {
    (*body)();
    (*fibres)[current].done = true;
  }
};
template <class F>
thread_local F *Entry<F>::body;

template <class F>
static void run_block(F &body) {
  static thread_local std::vector<Fibre> team;
  static thread_local std::vector<char> stacks;
  const unsigned count = blockDim.x * blockDim.y * blockDim.z;
  team.resize(count);
  stacks.resize(count * STACK);
  fibres = &team;
  Entry<F>::body = &body;
  for (unsigned i = 0; i < count; i++) {
    Fibre &f = team[i];
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = &stacks[i * STACK];
    f.context.uc_stack.ss_size = STACK;
    f.context.uc_link = &scheduler;
    f.thread = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
    f.done = false;
    makecontext(&f.context, (void (*)()) & Entry<F>::run, 0);
  }
  for (bool live = true; live;) {  // every sweep takes each thread to its next barrier
    live = false;
    for (unsigned i = 0; i < count; i++)
      if (!team[i].done) {
        current = (int)i;
        threadIdx = team[i].thread;
        swapcontext(&scheduler, &team[i].context);
        live |= !team[i].done;
      }
  }
}
#else
template <class F>
static inline void run_block(F &body) {
  for (unsigned z = 0; z < blockDim.z; z++)
    for (unsigned y = 0; y < blockDim.y; y++)
      for (unsigned x = 0; x < blockDim.x; x++) {
        threadIdx = {x, y, z};
        body();
      }
}
#endif

template <auto kernel, class... A, size_t... I>
static void launch(void (*)(A...), dim3 grid, dim3 block, int threads, const char *slots, std::index_sequence<I...>) {
  std::tuple<A...> args(*(const A *)(slots + 8 * I)...);
  auto body = [&] { kernel(std::get<I>(args)...); };
  const long long rows = (long long)grid.y * grid.z, blocks = rows * grid.x;
  auto run_at = [&](long long i) {
#ifdef SHIM_REVERSED
    i = blocks - 1 - i;
#endif
    blockDim = block, gridDim = grid;
    blockIdx = {(unsigned)(i % grid.x), (unsigned)(i / grid.x % grid.y), (unsigned)(i / grid.x / grid.y)};
    run_block(body);
  };
#ifdef SHIM_OWN_SLICES
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1 && rows > 1)
  for (long long row = 0; row < rows; row++)
    for (unsigned x = 0; x < grid.x; x++) run_at(row * grid.x + x);
#else
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1 && blocks > 1)
  for (long long i = 0; i < blocks; i++) run_at(i);
#endif
}
template <class... A>
constexpr auto indices(void (*)(A...)) {
  return std::index_sequence_for<A...>{};
}
}  // namespace shim

#ifdef SHIM_FIBRES
static inline void __syncthreads() { shim::yield(); }
template <class T>
static T __shfl_xor_sync(unsigned, T value, int lanes, int = 32) {
  memcpy(&shim::mailbox()[shim::current], &value, sizeof(T));
  shim::yield();
  T other;
  memcpy(&other, &shim::mailbox()[shim::current ^ lanes], sizeof(T));
  shim::yield();
  return other;
}
#endif

// The arguments stand one behind the other, eight bytes each, whatever their type.
#define SHIM_EXPORT(kernel)                                                                                     \
  extern "C" void kernel##_launch(unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, \
                                  int threads, const char *slots) {                                             \
    shim::launch<&kernel>(&kernel, dim3{gx, gy, gz}, dim3{bx, by, bz}, threads, slots, shim::indices(&kernel)); \
  }
