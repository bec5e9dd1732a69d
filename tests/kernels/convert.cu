// For test_conversions.py: every element through io.h, to float and back.
#include "io.h"

extern "C" __global__ void widen(const io_t *x, float *to, i64 n) {
  for (i64 i = 0; i < n; i++) to[i] = to_float(x[i]);
}
extern "C" __global__ void narrow(const float *x, io_t *to, i64 n) {
  for (i64 i = 0; i < n; i++) from_float(x[i], to + i);
}
