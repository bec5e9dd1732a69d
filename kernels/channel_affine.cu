// Batch norm's two passes over memory that the neuron's kernel (lif.cu) does not make itself.
//
// channel_moments: sums of x - pivot and of its square, pivot the channel's first element (one a column, AFFINE 2), so that a mean far from zero
// costs no digits. One number a thread, or where columns are channels one a column and group; the host adds them up.
//
// channel_numbers: of these sums (SUMS 1), or of a mean and a variance that are given (0), what the neuron and the
// backward pass want, [5, C]: mean, var, 1 / sqrt(var + eps), scale, bias. One thread a channel.
//
// channel_correct: y -= scale_c share (by_bias_c + inverse_c by_weight_c (x - mean_c)): what the mean and the variance
// of a batch give back to x; share is 1 / (elements of a channel).
// Numbers per channel are there once a column where AFFINE is 2; `channels` is then their count.
//
// The whole tensor is `rows` of `width` elements (layout.py, Cut): AFFINE 1: a row has one channel, row % channels;
// AFFINE 2: a column is a channel, and a thread walks SPAN rows.   VEC, IO (io.h)
#include "io.h"
#include "place.h"

#ifdef CPU_SHIM
#define EACH_LANE(e, n) _Pragma("omp simd") for (int e = 0; e < n; e++)
#define EACH_LANE_SUM(e, n) _Pragma("omp simd reduction(+ : sum, square)") for (int e = 0; e < n; e++)
#else
#define EACH_LANE(e, n) _Pragma("unroll") for (int e = 0; e < VEC; e++)
#define EACH_LANE_SUM(e, n) EACH_LANE(e, n)
#endif

extern "C" __global__ void __launch_bounds__(128)
channel_moments(const io_t *__restrict__ x, const float *__restrict__ pivots, float *__restrict__ sums,
                float *__restrict__ squares, i64 rows, i64 width, i64 channels) {
  Place w;
  if (!place(THREAD, rows, width, w)) return;
#if AFFINE == 2
  float sum[VEC], square[VEC];
  EACH_LANE(e, w.n) sum[e] = square[e] = 0.f;
  for (i64 row = w.row; row < w.end; row++) {
    const io_t *in = x + row * width + w.column;
    const float *pivot = pivots + w.column;
    EACH_LANE(e, w.n) {
      const int f = e < w.n ? e : 0;
      const float d = to_float(in[f]) - pivot[f];
      sum[e] += d, square[e] += d * d;
    }
  }
  const i64 at = w.group * width + w.column;
  EACH_LANE(e, w.n) if (e < w.n) sums[at + e] = sum[e], squares[at + e] = square[e];
#else
  const io_t *in = x + w.row * width + w.column;
  const float pivot = pivots[w.row % channels];
  float sum = 0.f, square = 0.f;
  EACH_LANE_SUM(e, w.n) {
    const float d = e < w.n ? to_float(in[e]) - pivot : 0.f;
    sum += d, square += d * d;
  }
  sums[THREAD] = sum, squares[THREAD] = square;
#endif
}

extern "C" __global__ void __launch_bounds__(128)
channel_numbers(const float *__restrict__ pivots, const double *__restrict__ sums, const float *__restrict__ mean,
                const float *__restrict__ var, const float *__restrict__ weight, const float *__restrict__ bias,
                float *__restrict__ numbers, i64 channels, i64 elements, float eps) {
  const i64 c = THREAD;
  if (c >= channels) return;
  double middle, spread;
  if (SUMS) {
    const double moved = sums[c] / elements, square = sums[channels + c] / elements - moved * moved;
    middle = pivots[c] + moved, spread = square > 0. ? square : (square == square ? 0. : square);
  } else {
    middle = mean[c], spread = var[c];
  }
  const float inverse = (float)(1. / sqrt(spread + (double)eps)), scale = __fmul_rn(inverse, weight[c]);
  numbers[c] = (float)middle, numbers[channels + c] = (float)spread, numbers[2 * channels + c] = inverse;
  numbers[3 * channels + c] = scale;
  numbers[4 * channels + c] = __fsub_rn(bias[c], __fmul_rn((float)middle, scale));
}

extern "C" __global__ void __launch_bounds__(128)
channel_correct(const io_t *__restrict__ x, const float *__restrict__ numbers, const float *__restrict__ by_weight,
                const float *__restrict__ by_bias, io_t *__restrict__ y, i64 rows, i64 width, i64 channels, float share) {
  Place w;
  if (!place(THREAD, rows, width, w)) return;
  const float *mean = numbers, *inverse = numbers + 2 * channels, *scale = numbers + 3 * channels;
  for (i64 row = w.row; row < w.end; row++) {
    const i64 at = row * width + w.column, c = AFFINE == 2 ? w.column : row % channels;
    EACH_LANE(e, w.n) if (e < w.n) {
      const i64 f = AFFINE == 2 ? c + e : c;
      const float part = by_bias[f] + inverse[f] * by_weight[f] * (to_float(x[at + e]) - mean[f]);
      from_float(to_float(y[at + e]) - scale[f] * share * part, y + at + e);
    }
  }
}
