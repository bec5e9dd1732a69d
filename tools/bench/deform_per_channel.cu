// Deformable sampling in the usual way, to measure ours against: one CUDA thread per output channel. Every thread works
// out every location again and loads one number a corner; backward, the D threads of a head add to the values' gradient
// one number at a time and sum the others' in shared memory.
//
// Arguments and equation: kernels/deform.cu, real values. LEVELS, POINTS, D (a power of two), IO (io.h)
//   forward: grid over all outputs; backward: a block of D threads a (batch, query, head)
#include "io.h"

#define SAMPLES (LEVELS * POINTS)

struct Spot {
  int left, top, width, height, start;
  float fx, fy;
  bool near;
};
FN Spot spot_at(const i64 *sizes, const float *centre, const float *shift, int s) {
  const int l = s / POINTS;
  Spot p;
  p.height = (int)sizes[3 * l], p.width = (int)sizes[3 * l + 1], p.start = (int)sizes[3 * l + 2];
  const float x = centre[2 * l] * p.width + shift[2 * s] - 0.5f;
  const float y = centre[2 * l + 1] * p.height + shift[2 * s + 1] - 0.5f;
  p.near = x > -1.f && y > -1.f && x < p.width && y < p.height;
  p.left = (int)floorf(x), p.top = (int)floorf(y);
  p.fx = x - p.left, p.fy = y - p.top;
  return p;
}

// Where a corner's number is, or -1 outside the level.
FN i64 corner(const Spot &p, int right, int below, i64 first, i64 heads) {
  const int x = p.left + right, y = p.top + below;
  if (x < 0 || y < 0 || x >= p.width || y >= p.height) return -1;
  return first + (i64)(p.start + y * p.width + x) * heads * D;
}
FN float read(const io_t *value, i64 at) { return at < 0 ? 0.f : to_float(value[at]); }

extern "C" __global__ void per_channel_forward(const io_t *__restrict__ value, const float *__restrict__ offset,
                                               const io_t *__restrict__ weight, const float *__restrict__ reference,
                                               const i64 *__restrict__ sizes, io_t *__restrict__ out, i64 B, i64 S,
                                               i64 Q, i64 heads, i64 references) {
  const i64 id = (i64)blockIdx.x * blockDim.x + threadIdx.x, row = id / D;
  if (row >= B * Q * heads) return;
  const i64 head = row % heads, query = row / heads % Q, batch = row / heads / Q;
  const float *centre = reference + (batch % references * Q + query) * LEVELS * 2;
  const i64 first = (batch * S * heads + head) * D + id % D;
  float sum = 0.f;
  for (int s = 0; s < SAMPLES; s++) {
    const Spot p = spot_at(sizes, centre, offset + row * SAMPLES * 2, s);
    if (!p.near) continue;
    const float a = read(value, corner(p, 0, 0, first, heads)), b = read(value, corner(p, 1, 0, first, heads));
    const float c = read(value, corner(p, 0, 1, first, heads)), d = read(value, corner(p, 1, 1, first, heads));
    const float top = (1.f - p.fx) * a + p.fx * b, bottom = (1.f - p.fx) * c + p.fx * d;
    sum += to_float(weight[row * SAMPLES + s]) * ((1.f - p.fy) * top + p.fy * bottom);
  }
  from_float(sum, out + id);
}

FN void give(float *grad_value, i64 at, float a) {
  if (at >= 0) atomicAdd(grad_value + at, a);
}

extern "C" __global__ void per_channel_backward(const io_t *__restrict__ value, const float *__restrict__ offset,
                                                const io_t *__restrict__ weight, const float *__restrict__ reference,
                                                const i64 *__restrict__ sizes, const io_t *__restrict__ grad_out,
                                                float *__restrict__ grad_value, float *__restrict__ grad_offset,
                                                io_t *__restrict__ grad_weight, i64 B, i64 S, i64 Q, i64 heads,
                                                i64 references) {
  __shared__ float share[3][D];
  const i64 row = blockIdx.x, head = row % heads, query = row / heads % Q, batch = row / heads / Q;
  const int channel = threadIdx.x;
  const float *centre = reference + (batch % references * Q + query) * LEVELS * 2;
  const i64 first = (batch * S * heads + head) * D + channel;
  const float g = to_float(grad_out[row * D + channel]);
  for (int s = 0; s < SAMPLES; s++) {
    const Spot p = spot_at(sizes, centre, offset + row * SAMPLES * 2, s);
    float by_weight = 0.f, by_x = 0.f, by_y = 0.f;
    if (p.near) {
      const i64 at_a = corner(p, 0, 0, first, heads), at_b = corner(p, 1, 0, first, heads);
      const i64 at_c = corner(p, 0, 1, first, heads), at_d = corner(p, 1, 1, first, heads);
      const float a = read(value, at_a), b = read(value, at_b), c = read(value, at_c), d = read(value, at_d);
      const float ex = 1.f - p.fx, ey = 1.f - p.fy, w = to_float(weight[row * SAMPLES + s]), gw = g * w;
      give(grad_value, at_a, ex * ey * gw), give(grad_value, at_b, p.fx * ey * gw);
      give(grad_value, at_c, ex * p.fy * gw), give(grad_value, at_d, p.fx * p.fy * gw);
      by_weight = g * (ey * (ex * a + p.fx * b) + p.fy * (ex * c + p.fx * d));
      by_x = gw * (ey * (b - a) + p.fy * (d - c));
      by_y = gw * (ex * (c - a) + p.fx * (d - b));
    }
    share[0][channel] = by_weight, share[1][channel] = by_x, share[2][channel] = by_y;
    __syncthreads();
    for (int half = D / 2; half > 0; half /= 2) {
      if (channel < half)
        for (int k = 0; k < 3; k++) share[k][channel] += share[k][channel + half];
      __syncthreads();
    }
    if (channel == 0) {
      const i64 at = row * SAMPLES + s;
      from_float(share[0][0], grad_weight + at);
      grad_offset[2 * at] = share[1][0], grad_offset[2 * at + 1] = share[2][0];
    }
    __syncthreads();
  }
}
