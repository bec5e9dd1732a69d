// What batch norm wants beside the neuron's own passes over memory (lif.cu): sums per channel, numbers made of them.
//
// channel_moments: sums of x - pivot and of its square, pivot the channel's first element, so that a mean far from zero
// costs no digits. One number a thread, or where columns are channels one a column and group.
//
// channel_numbers: of these sums (SUMS 1), or of a mean and a variance that are given (0), what the neuron and the
// backward pass want, [5, columns]: mean, var, 1 / sqrt(var + eps), scale, bias. Running statistics run on, if there
// are any: by `momentum`, or where that is negative as the mean of all `tracked` batches.
//
// channel_totals: what the neuron's backward pass left of scale and bias, added up: [2, columns], the first times
// 1 / sqrt(var + eps), so that it is the gradient of the norm's weight; and of its step.
//
// channel_correct: y -= scale_c share (by_bias_c + inverse_c by_weight_c (x - mean_c)): what the mean and the variance
// of a batch give back to x; share is 1 / (elements of a channel).
//
// The whole tensor is `rows` of `width` elements (layout.py, Cut): AFFINE 1: a row has one channel, row % channels;
// AFFINE 2: a column is a channel, column % channels, and a thread walks SPAN rows. Numbers per channel are there once
// a column, `repeat` times in AFFINE 2. What threads leave is `count` x channels x `chunks` numbers; on a GPU the host
// adds it up first (SUMMED 1), the moments in double precision.   VEC, IO (io.h)
#include "io.h"
#include "place.h"

#ifdef CPU_SHIM
#define EACH_LANE(e, n) _Pragma("omp simd") for (int e = 0; e < n; e++)
#define EACH_LANE_SUM(e, n) _Pragma("omp simd reduction(+ : sum, square)") for (int e = 0; e < n; e++)
#define EACH(e, n) for (int e = 0; e < n; e++)
#define CHANNEL_OF(column) ((column) % channels)
#define TOGETHER VEC  // channels of a thread that works on channels
#define EACH_CHANNEL(e, n) EACH(e, n)
#define EACH_CHANNEL_SIMD(e, n) EACH_LANE(e, n)
#else
#define EACH_LANE(e, n) _Pragma("unroll") for (int e = 0; e < VEC; e++)
#define EACH_LANE_SUM(e, n) EACH_LANE(e, n)
#define EACH(e, n) EACH_LANE(e, n)
#define CHANNEL_OF(column) (column)  // a row holds the channels once
#define TOGETHER 1
#define EACH_CHANNEL(e, n) for (int e = 0; e < 1; e++)
#define EACH_CHANNEL_SIMD(e, n) EACH_CHANNEL(e, n)
#endif
#if SUMMED
typedef double moment_t;
#else
typedef float moment_t;
#endif

extern "C" __global__ void __launch_bounds__(128)
channel_moments(const io_t *__restrict__ x, float *__restrict__ sums, float *__restrict__ squares, i64 rows, i64 width,
                i64 channels) {
  Place w;
  if (!place(THREAD, rows, width, w)) return;
#if AFFINE == 2
  float sum[VEC], square[VEC], pivot[VEC];
  EACH(e, w.n) pivot[e] = e < w.n ? to_float(x[CHANNEL_OF(w.column + e)]) : 0.f;
  EACH_LANE(e, w.n) sum[e] = square[e] = 0.f;
  for (i64 row = w.row; row < w.end; row++) {
    const io_t *in = x + row * width + w.column;
    EACH_LANE(e, w.n) {
      const float d = to_float(in[e < w.n ? e : 0]) - pivot[e];
      sum[e] += d, square[e] += d * d;
    }
  }
  const i64 at = w.group * width + w.column;
  EACH_LANE(e, w.n) if (e < w.n) sums[at + e] = sum[e], squares[at + e] = square[e];
#else
  const io_t *in = x + w.row * width + w.column;
  const float pivot = to_float(x[w.row % channels * width]);
  float sum = 0.f, square = 0.f;
  EACH_LANE_SUM(e, w.n) {
    const float d = e < w.n ? to_float(in[e]) - pivot : 0.f;
    sum += d, square += d * d;
  }
  sums[THREAD] = sum, squares[THREAD] = square;
#endif
}

// The numbers of channels [c, c + n), added up in one order: of `count` x channels x chunks.
template <class T>
FN void add_up(const T *parts, i64 c, int n, i64 channels, i64 count, i64 chunks, double *total) {
  EACH_CHANNEL_SIMD(e, n) total[e] = 0.;
  for (i64 i = 0; i < count; i++) {
    const T *part = parts + (i * channels + c) * chunks;
    if (chunks == 1)
      EACH_CHANNEL_SIMD(e, n) total[e] += part[e < n ? e : 0];
    else
      EACH_CHANNEL(e, n) for (i64 k = 0; k < chunks; k++) total[e] += part[(e < n ? e : 0) * chunks + k];
  }
}
#define CHANNELS_OF_THREAD(c, n)                   \
  const i64 c = THREAD * TOGETHER;                 \
  if (c >= channels) return;                       \
  const int n = (int)(channels - c < TOGETHER ? channels - c : TOGETHER)

extern "C" __global__ void __launch_bounds__(128)
channel_numbers(const io_t *__restrict__ x, const moment_t *__restrict__ sums, const moment_t *__restrict__ squares,
                const float *__restrict__ mean, const float *__restrict__ var, const float *__restrict__ weight,
                const float *__restrict__ bias, float *__restrict__ running_mean, float *__restrict__ running_var,
                const i64 *__restrict__ tracked, float *__restrict__ numbers, i64 channels, i64 repeat, i64 inner,
                i64 count, i64 chunks, i64 elements, float eps, float momentum) {
  CHANNELS_OF_THREAD(c, n);
  double first[TOGETHER], second[TOGETHER];
  if (SUMS) {
    add_up(sums, c, n, channels, count, chunks, first);
    add_up(squares, c, n, channels, count, chunks, second);
  }
  const i64 columns = channels * repeat;
  EACH_CHANNEL(e, n) if (e < n) {
    const i64 k = c + e;
    double middle, spread;
    if (SUMS) {
      const double moved = first[e] / elements, square = second[e] / elements - moved * moved;
      middle = to_float(x[k * inner]) + moved, spread = square > 0. ? square : (square == square ? 0. : square);
    } else {
      middle = mean[k], spread = var[k];
    }
    if (running_mean) {
      const float rate = momentum < 0.f ? 1.f / (float)*tracked : momentum, old = running_mean[k], wide = running_var[k];
      running_mean[k] = old + rate * ((float)middle - old);
      running_var[k] = wide + rate * ((float)(spread * ((double)elements / (elements - 1))) - wide);
    }
    const float inverse = (float)(1. / sqrt(spread + (double)eps)), scale = __fmul_rn(inverse, weight[k]);
    const float shift = __fsub_rn(bias[k], __fmul_rn((float)middle, scale));
    for (i64 r = k; r < columns; r += channels) {
      numbers[r] = (float)middle, numbers[columns + r] = (float)spread, numbers[2 * columns + r] = inverse;
      numbers[3 * columns + r] = scale, numbers[4 * columns + r] = shift;
    }
  }
}

extern "C" __global__ void __launch_bounds__(128)
channel_totals(const float *__restrict__ by_scale, const float *__restrict__ by_bias, const float *__restrict__ by_step,
               const float *__restrict__ inverse, float *__restrict__ totals, float *__restrict__ step, i64 channels,
               i64 repeat, i64 count, i64 chunks, i64 steps) {
  CHANNELS_OF_THREAD(c, n);
  double first[TOGETHER], second[TOGETHER];
  add_up(by_scale, c, n, channels, count, chunks, first);
  add_up(by_bias, c, n, channels, count, chunks, second);
  const i64 columns = channels * repeat;
  EACH_CHANNEL(e, n) for (i64 r = c + e; e < n && r < columns; r += channels)
      totals[r] = inverse[c + e] * (float)first[e], totals[columns + r] = (float)second[e];
  if (THREAD == 0 && step) {
    double all = 0.;
    for (i64 i = 0; i < steps; i++) all += by_step[i];
    *step = (float)all;
  }
}

extern "C" __global__ void __launch_bounds__(128)
channel_correct(const io_t *__restrict__ x, const float *__restrict__ mean, const float *__restrict__ inverse,
                const float *__restrict__ scale, const float *__restrict__ by_weight, const float *__restrict__ by_bias,
                io_t *__restrict__ y, i64 rows, i64 width, i64 channels, float share) {
  Place w;
  if (!place(THREAD, rows, width, w)) return;
  for (i64 row = w.row; row < w.end; row++) {
    const i64 at = row * width + w.column, c = AFFINE == 2 ? w.column : row % channels;
    EACH_LANE(e, w.n) if (e < w.n) {
      const i64 f = AFFINE == 2 ? c + e : c;
      const float part = by_bias[f] + inverse[f] * by_weight[f] * (to_float(x[at + e]) - mean[f]);
      from_float(to_float(y[at + e]) - scale[f] * share * part, y + at + e);
    }
  }
}
