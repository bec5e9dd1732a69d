// Input and output types, and 16-byte vectors of them. Arithmetic is float everywhere; IO is what memory holds.
//   IO: 0 float, 1 half, 2 bfloat16
#if !defined(CPU_SHIM) && IO > 0
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

#if IO == 0
typedef float io_t;
#elif IO == 1
typedef __half io_t;
#define TO_FLOAT(a) __half2float(a)
#define FROM_FLOAT(a) __float2half_rn(a)
#else
typedef __nv_bfloat16 io_t;
#define TO_FLOAT(a) __bfloat162float(a)
#define FROM_FLOAT(a) __float2bfloat16_rn(a)
#endif

typedef long long i64;
typedef unsigned char u8;
typedef unsigned int u32;

#ifdef CPU_SHIM  // the elements of a CUDA thread become SIMD lanes
#define LANES _Pragma("omp simd")
#define UNROLL _Pragma("GCC unroll 16")
#else
#define LANES _Pragma("unroll")
#define UNROLL _Pragma("unroll")
#endif
#define FN static __device__ __forceinline__

// COUNT elements in as many 16-byte pieces as they need; T is io_t or float.
template <class T, int COUNT>
struct alignas(sizeof(T) * COUNT < 16 ? sizeof(T) * COUNT : 16) Pack {
  T at[COUNT];
};

#ifndef CPU_SHIM
// A pack at p, which stands on its alignment, in as few stores as the hardware has. They are spelled out: left to itself
// the compiler stores the first of several packs whole and the others in pieces.
FN void store_word(u32 *p, u32 word) { *p = word; }
FN void store_word(uint2 *p, uint2 word) { __stwb(p, word); }
FN void store_word(uint4 *p, uint4 word) { __stwb(p, word); }
template <class W, class P>
FN void store_words(void *p, const P &pack) {
  W words[(sizeof(P) + sizeof(W) - 1) / sizeof(W)];
  memcpy(words, &pack, sizeof(P));
  UNROLL for (int i = 0; i < (int)(sizeof(P) / sizeof(W)); i++) store_word((W *)p + i, words[i]);
}
template <class T, int COUNT>
FN void store_pack(T *p, const Pack<T, COUNT> &pack) {
  if (sizeof(pack) % 16 == 0)
    store_words<uint4>(p, pack);
  else if (sizeof(pack) % 8 == 0)
    store_words<uint2>(p, pack);
  else if (sizeof(pack) % 4 == 0)
    store_words<u32>(p, pack);
  else
    *(Pack<T, COUNT> *)p = pack;
}
#endif

FN float to_float(float a) { return a; }
FN void from_float(float a, float *to) { *to = a; }
#if IO > 0
FN float to_float(io_t a) { return TO_FLOAT(a); }
FN void from_float(float a, io_t *to) { *to = FROM_FLOAT(a); }
#endif
FN void from_float(float a, u8 *to) { *to = (u8)(int)a; }  // by way of int: a negative count wraps everywhere

// A whole vector at p, which is aligned to it.
template <int COUNT, class T>
FN void load(const T *p, float *to) {
#ifdef CPU_SHIM
  LANES
  for (int e = 0; e < COUNT; e++) to[e] = to_float(p[e]);
#else
  Pack<T, COUNT> q = *(const Pack<T, COUNT> *)p;
  LANES
  for (int e = 0; e < COUNT; e++) to[e] = to_float(q.at[e]);
#endif
}
template <int COUNT, class T>
FN void store(T *p, const float *from) {
#ifdef CPU_SHIM
  LANES
  for (int e = 0; e < COUNT; e++) from_float(from[e], p + e);
#else
  Pack<T, COUNT> q;
  LANES
  for (int e = 0; e < COUNT; e++) from_float(from[e], &q.at[e]);
  store_pack(p, q);
#endif
}
