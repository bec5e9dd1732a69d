// STEPS rows of VEC elements, to and from memory: float in the kernel, io_t, bytes or bits outside. Wants io.h.
enum { AS_IO, AS_BYTES, AS_BITS };

#if SPIKES == 0
typedef io_t spike_t;
#else
typedef u8 spike_t;
#endif

// On the device: registers, filled by 16-byte loads that are all in flight at once. On a CPU: memory itself, since the
// loop over lanes becomes vectors.
template <class E>
struct RowsIn {
#ifdef CPU_SHIM
  const E *p;
  i64 stride;
  FN RowsIn over(const E *p, i64 stride, int) { return {p, stride}; }
  float operator()(int t, int e) const { return to_float(p[t * stride + e]); }
#else
  Pack<E, VEC> row[STEPS];
  FN RowsIn over(const E *p, i64 stride, int n) {
    RowsIn r;
    UNROLL for (int t = 0; t < STEPS; t++) {
      if (ALIGNED)
        r.row[t] = *(const Pack<E, VEC> *)(p + t * stride);
      else
        UNROLL for (int e = 0; e < VEC; e++) r.row[t].at[e] = p[t * stride + (e < n ? e : 0)];
    }
    return r;
  }
  __device__ __forceinline__ float operator()(int t, int e) const { return to_float(row[t].at[e]); }
#endif
};

template <class E>
struct RowsOut {
#ifdef CPU_SHIM
  E *p;
  i64 stride;
  FN RowsOut over(E *p, i64 stride) { return {p, stride}; }
  void put(int t, int e, float a) { from_float(a, p + t * stride + e); }
  void flush(int) {}
#else
  E *p;
  i64 stride;
  Pack<E, VEC> row[STEPS];
  FN RowsOut over(E *p, i64 stride) {
    RowsOut r;
    r.p = p, r.stride = stride;
    return r;
  }
  __device__ __forceinline__ void put(int t, int e, float a) { from_float(a, &row[t].at[e]); }
  __device__ __forceinline__ void flush(int n) {
    UNROLL for (int t = 0; t < STEPS; t++) {
      if (ALIGNED)
        store_pack(p + t * stride, row[t]);
      else
        UNROLL for (int e = 0; e < VEC; e++) if (e < n) p[t * stride + e] = row[t].at[e];
    }
  }
#endif
};

// One bit a neuron; host guarantees that a row starts on a whole byte.
struct BitsOut {
  u8 *p;
  i64 stride;
#ifdef CPU_SHIM
  u8 fired[STEPS][VEC];
  void put(int t, int e, float a) { fired[t][e] = a != 0.f; }
  void flush(int n) {
    for (int t = 0; t < STEPS; t++)
      for (int b = 0; b < n; b += 8) {
        unsigned byte = 0;
        for (int e = b; e < b + 8 && e < n; e++) byte |= (unsigned)fired[t][e] << (e - b);
        p[t * stride + b / 8] = (u8)byte;
      }
  }
#else
  unsigned byte[STEPS];
  __device__ __forceinline__ void put(int t, int e, float a) {
    byte[t] = (e ? byte[t] : 0u) | (a != 0.f ? 1u << e : 0u);
  }
  __device__ __forceinline__ void flush(int n) {
    const unsigned mask = n < VEC ? (1u << n) - 1u : (1u << VEC) - 1u;
    UNROLL for (int t = 0; t < STEPS; t++) p[t * stride] = (u8)(byte[t] & mask);
  }
#endif
};
