// deform.cu for a CPU: one call owns a whole slice, the tokens of one (batch, head).
//
// A head's channels lie h * D apart, so a slice spreads over memory in a way that hits few sets of a cache. Here it is
// copied together first (a token is read about 4 * SAMPLES times, so the copy is cheap), rows padded to whole vectors,
// as floats or as the words of all planes. Gradients of the values are collected in such a slice too, which nobody
// else writes: no atomics, one order, the same bits in every run. The samples of a few queries are looked up at once,
// with the lanes of a vector as samples; then they are added up, with the lanes as channels.
//
// Arguments and constants are those of deform.cu, without CPT, TPH and FIXED. grid: x = 1, y = head, z = batch times
// parts of the queries (backward: one part).
#include "io.h"
#include <vector>

#define SAMPLES (LEVELS * POINTS)
#define WORDS ((D + 31) / 32)
#define ALL_PLANES (PLANES + SIGNED)
#define BATCH 8  // queries looked up at once

#if defined(__AVX512F__)
#define WIDEST 16
#elif defined(__AVX__)
#define WIDEST 8
#else
#define WIDEST 4
#endif
constexpr int VEC = D > 8 && WIDEST >= 16 ? 16 : (D > 4 && WIDEST >= 8 ? 8 : 4);
constexpr int PARTS = (D + VEC - 1) / VEC, ROW = PARTS * VEC;
typedef float vec __attribute__((vector_size(4 * VEC)));
typedef int ivec __attribute__((vector_size(4 * VEC)));

// Lanes as samples.
constexpr int WIDE = SAMPLES > 8 && WIDEST >= 16 ? 16 : (SAMPLES > 4 && WIDEST >= 8 ? 8 : 4);
constexpr int CHUNKS = (SAMPLES + WIDE - 1) / WIDE, ALL = CHUNKS * WIDE;
typedef float many __attribute__((vector_size(4 * WIDE)));
typedef int imany __attribute__((vector_size(4 * WIDE)));
FN many to_real(imany a) { return __builtin_convertvector(a, many); }
FN imany to_whole(many a) { return __builtin_convertvector(a, imany); }

#include "deform_tap.h"  // for these lanes too, so behind them

// ---- a slice --------------------------------------------------------------------------------------------------------
struct Shape {
  i64 batches, tokens, queries, heads, batch, head;
};

FN void read_row(const io_t *p, vec *row) {
  float *to = (float *)row;
  LANES for (int e = 0; e < D; e++) to[e] = to_float(p[e]);
  for (int e = D; e < ROW; e++) to[e] = 0.f;
}
FN void write_row(const vec *row, io_t *p) {
  const float *from = (const float *)row;
  LANES for (int e = 0; e < D; e++) from_float(from[e], p + e);
}

#if PLANES
FN const u32 *word_at(const u32 *words, const Shape &z, int plane, i64 token) {
  return words + (((plane * z.batches + z.batch) * z.tokens + token) * z.heads + z.head) * WORDS;
}
// [S, planes, WORDS]: what a tap needs is in one place.
static const u32 *words_of(const u32 *words, const Shape &z) {
  static thread_local std::vector<u32> slice;
  slice.resize(z.tokens * ALL_PLANES * WORDS);
  for (int j = 0; j < ALL_PLANES; j++)
    for (i64 token = 0; token < z.tokens; token++)
      for (int i = 0; i < WORDS; i++)
        slice[(token * ALL_PLANES + j) * WORDS + i] = word_at(words, z, j, token)[i];
  return slice.data();
}
FN void read_counts(const u32 *words, const Shape &z, i64 token, vec *row) {
  float *to = (float *)row;
  for (int e = 0; e < ROW; e++) {
    int count = 0;
    for (int j = 0; e < D && j < PLANES; j++) count += (int)(word_at(words, z, j, token)[e / 32] >> e % 32 & 1u) << j;
    if (SIGNED && e < D && word_at(words, z, PLANES, token)[e / 32] >> e % 32 & 1u) count = -count;
    to[e] = (float)count;
  }
}
#endif

static const vec *rows_of(const io_t *value, const u32 *words, const Shape &z) {
  static thread_local std::vector<vec> slice;
  slice.resize(z.tokens * PARTS);
  for (i64 token = 0; token < z.tokens; token++) {
#if PLANES
    read_counts(words, z, token, &slice[token * PARTS]);
#else
    read_row(value + ((z.batch * z.tokens + token) * z.heads + z.head) * D, &slice[token * PARTS]);
#endif
  }
  return slice.data();
}

// ---- the samples of a query -----------------------------------------------------------------------------------------
struct Levels {  // one entry a sample; none behind the last
  alignas(64) int width[ALL], height[ALL], start[ALL];
};
static Levels levels_of(const i64 *sizes) {
  Levels v = {};
  for (int s = 0; s < SAMPLES; s++) {
    const i64 *size = sizes + s / POINTS * 3;
    v.height[s] = (int)size[0], v.width[s] = (int)size[1], v.start[s] = (int)size[2];
  }
  return v;
}
struct Samples {
  alignas(64) int index[4][ALL], inside[ALL];
  float share[4][ALL], fx[ALL], fy[ALL], weight[ALL];
  float x[ALL], y[ALL];      // of the reference, in pixels
  int speaks[ALL];           // -1 where a sample has a corner in bounds and a weight
  int heard[ALL + 1], count;  // those samples
};
FN many &lanes_at(float *p, int i) { return *(many *)(p + i * WIDE); }
FN imany &lanes_at(int *p, int i) { return *(imany *)(p + i * WIDE); }
FN const imany &lanes_at(const int *p, int i) { return *(const imany *)(p + i * WIDE); }

FN void spread_reference(Samples &t, const float *reference, const Levels &v) {
  UNROLL for (int l = 0; l < LEVELS; l++) {
    const float x = __fmul_rn(reference[2 * l], (float)v.width[l * POINTS]);
    const float y = __fmul_rn(reference[2 * l + 1], (float)v.height[l * POINTS]);
    UNROLL for (int p = 0; p < POINTS; p++) t.x[l * POINTS + p] = x, t.y[l * POINTS + p] = y;
  }
}
// Pairs (x, y) of a chunk; what is behind the last sample reads zero.
template <int... LANE>
FN void read_offsets(const float *offset, int chunk, many &x, many &y, std::integer_sequence<int, LANE...>) {
  constexpr int HALF = WIDE / 2;  // pairs in one vector
  const float *p = offset + chunk * WIDE * 2;
  const int left = SAMPLES - chunk * WIDE;
  many pairs[2] = {};
  if (left >= WIDE)
    memcpy(pairs, p, sizeof pairs);
  else {  // one copy a vector, so that they stay in registers
    memcpy(&pairs[0], p, 8 * (SAMPLES % WIDE < HALF ? SAMPLES % WIDE : HALF));
    if (SAMPLES % WIDE > HALF) memcpy(&pairs[1], p + WIDE, 8 * (SAMPLES % HALF));
  }
  x = __builtin_shuffle(pairs[0], pairs[1], imany{(2 * LANE)...});
  y = __builtin_shuffle(pairs[0], pairs[1], imany{(2 * LANE + 1)...});
}
FN void look_up(Samples &t, const float *offset, const io_t *weight, const Levels &v) {
  LANES for (int s = 0; s < SAMPLES; s++) t.weight[s] = to_float(weight[s]);
  UNROLL for (int i = 0; i < CHUNKS; i++) {
    many x, y;
    read_offsets(offset, i, x, y, std::make_integer_sequence<int, WIDE>());
    x = lanes_at(t.x, i) + x - 0.5f, y = lanes_at(t.y, i) + y - 0.5f;
    const Tap<many, imany> a =
        tap_of(x, y, lanes_at(v.width, i), lanes_at(v.height, i), lanes_at(v.start, i));
    UNROLL for (int k = 0; k < 4; k++) lanes_at(t.index[k], i) = a.index[k], lanes_at(t.share[k], i) = a.share[k];
    lanes_at(t.fx, i) = a.fx, lanes_at(t.fy, i) = a.fy, lanes_at(t.inside, i) = a.inside;
    lanes_at(t.speaks, i) = (lanes_at(t.weight, i) != 0.f) & (a.inside != 0);
  }
  t.count = 0;
  UNROLL for (int s = 0; s < SAMPLES; s++) {
    t.heard[t.count] = s;
    t.count -= t.speaks[s];
  }
}
static void look_up_some(Samples *t, int n, i64 query, const float *offset, const io_t *weight, const float *reference,
                         const Levels &v, const Shape &z) {
  for (int i = 0; i < n; i++) spread_reference(t[i], reference + (query + i) * LEVELS * 2, v);
  const i64 ahead = BATCH * z.heads * SAMPLES;  // what the next call reads; it lies too far apart to be foreseen
  for (int i = 0; i < n; i++) {
    const i64 row = ((z.batch * z.queries + query + i) * z.heads + z.head) * SAMPLES;
    for (int s = 0; s < SAMPLES * 2; s += 16) __builtin_prefetch(offset + (row + ahead) * 2 + s);
    for (int s = 0; s < SAMPLES; s += 16) __builtin_prefetch(weight + row + ahead + s);
    look_up(t[i], offset + row * 2, weight + row, v);
  }
}

// ---- forward --------------------------------------------------------------------------------------------------------
#if PLANES
struct Lanes {
  ivec bit[PARTS];
};
static Lanes lanes_of() {
  Lanes m;
  for (int p = 0; p < PARTS; p++)
    for (int e = 0; e < VEC; e++) m.bit[p][e] = (int)(1u << (p * VEC + e) % 32);
  return m;
}
FN void gather(const u32 *slice, const Samples &t, const Lanes &m, vec *out) {
  vec sum[2][PARTS] = {};
  for (int n = 0; n < t.count; n++) {
    const int s = t.heard[n];
    UNROLL for (int k = 0; k < 4; k++) {
      const u32 *w = slice + (i64)t.index[k][s] * (ALL_PLANES * WORDS);
      const float by = __fmul_rn(t.share[k][s], t.weight[s]);
      UNROLL for (int p = 0; p < PARTS; p++) {
        const int i = p * VEC / 32;
        vec share = by - vec{};
        if (SIGNED) share = ((int)w[PLANES * WORDS + i] & m.bit[p]) != 0 ? -share : share;
        UNROLL for (int j = 0; j < PLANES; j++, share += share)
          sum[k & 1][p] = ((int)w[j * WORDS + i] & m.bit[p]) != 0 ? sum[k & 1][p] + share : sum[k & 1][p];
      }
    }
  }
  UNROLL for (int p = 0; p < PARTS; p++) out[p] = sum[0][p] + sum[1][p];
}
#else
struct Lanes {};
static Lanes lanes_of() { return {}; }
FN void gather(const vec *slice, const Samples &t, const Lanes &, vec *out) {
  vec sum[PARTS] = {};
  for (int n = 0; n < t.count; n++) {
    const int s = t.heard[n];
    const float w = t.weight[s];
    const vec *a = slice + (i64)t.index[0][s] * PARTS, *b = slice + (i64)t.index[1][s] * PARTS;
    const vec *c = slice + (i64)t.index[2][s] * PARTS, *d = slice + (i64)t.index[3][s] * PARTS;
    const float fa = __fmul_rn(t.share[0][s], w), fb = __fmul_rn(t.share[1][s], w);
    const float fc = __fmul_rn(t.share[2][s], w), fd = __fmul_rn(t.share[3][s], w);
    UNROLL for (int p = 0; p < PARTS; p++) sum[p] += (fa * a[p] + fb * b[p]) + (fc * c[p] + fd * d[p]);
  }
  UNROLL for (int p = 0; p < PARTS; p++) out[p] = sum[p];
}
#endif

extern "C" __global__ void deform_forward(const io_t *value, const u32 *words, const float *offset, const io_t *weight,
                                          const float *reference, const i64 *sizes, io_t *out, i64 B, i64 S, i64 Q,
                                          i64 references) {
  const i64 parts = gridDim.z / B, part = blockIdx.z % parts;
  const Shape z = {B, S, Q, gridDim.y, blockIdx.z / parts, blockIdx.y};
  const i64 end = Q * (part + 1) / parts;
  const float *centre = reference + z.batch % references * Q * LEVELS * 2;
  const Levels levels = levels_of(sizes);
  const Lanes lanes = lanes_of();
#if PLANES
  const u32 *slice = words_of(words, z);
#else
  const vec *slice = rows_of(value, words, z);
#endif
  Samples t[BATCH];
  for (i64 q = Q * part / parts; q < end; q += BATCH) {
    const int n = (int)(end - q < BATCH ? end - q : BATCH);
    look_up_some(t, n, q, offset, weight, centre, levels, z);
    for (int i = 0; i < n; i++) {
      vec sum[PARTS];
      gather(slice, t[i], lanes, sum);
      write_row(sum, out + ((z.batch * Q + q + i) * z.heads + z.head) * D);
    }
  }
}

// ---- backward -------------------------------------------------------------------------------------------------------
// VEC vectors -> one, whose lane j is the sum of vector j: halves meet, then quarters, in log2(VEC) rounds.
template <int HALF, int... LANE>
FN vec meet(vec a, vec b, std::integer_sequence<int, LANE...>) {
  const ivec own = {(LANE & HALF ? VEC + LANE : LANE)...}, other = {(LANE & HALF ? VEC : 0) + (LANE ^ HALF)...};
  return __builtin_shuffle(a, b, own) + __builtin_shuffle(a, b, other);
}
template <int HALF>
FN void sum_lanes(vec *v) {
  UNROLL for (int i = 0; i < HALF; i++) v[i] = meet<HALF>(v[i], v[i + HALF], std::make_integer_sequence<int, VEC>());
  if constexpr (HALF > 1) sum_lanes<HALF / 2>(v);
}

constexpr int GROUPS = (4 * ALL + VEC - 1) / VEC;

// Gradients of one query: `partial` is room for the products of every tap, lane by lane.
FN void descend(const vec *slice, vec *sums, Samples &t, const vec *grad, vec *partial, float *grad_offset,
                io_t *grad_weight) {
  for (int s = 0; s < SAMPLES; s++)
    UNROLL for (int k = 0; k < 4; k++) {
      const vec *row = slice + (i64)t.index[k][s] * PARTS;
      vec part = grad[0] * row[0];
      UNROLL for (int p = 1; p < PARTS; p++) part += grad[p] * row[p];
      partial[k * ALL + s] = part;
    }
  for (int n = 0; n < t.count; n++) {
    const int s = t.heard[n];
    UNROLL for (int k = 0; k < 4; k++) {
      vec *row = sums + (i64)t.index[k][s] * PARTS;
      const float share = __fmul_rn(t.share[k][s], t.weight[s]);
      UNROLL for (int p = 0; p < PARTS; p++) row[p] += share * grad[p];
    }
  }
  vec total[GROUPS];
  UNROLL for (int i = 0; i < GROUPS; i++) {
    sum_lanes<VEC / 2>(partial + i * VEC);
    total[i] = partial[i * VEC];
  }
  UNROLL for (int i = 0; i < CHUNKS; i++) {
    many g[4];
    Tap<many, imany> a;
    UNROLL for (int k = 0; k < 4; k++) {
      g[k] = (lanes_at(t.inside, i) & 1 << k) != 0 ? lanes_at((float *)total + k * ALL, i) : many{};
      a.share[k] = lanes_at(t.share[k], i);
    }
    a.fx = lanes_at(t.fx, i), a.fy = lanes_at(t.fy, i);
    const Slopes<many> d = slopes_of(a, lanes_at(t.weight, i), g);
    const int n = SAMPLES - i * WIDE < WIDE ? SAMPLES - i * WIDE : WIDE;
    for (int s = 0; s < n; s++) {
      const int at = i * WIDE + s;
      from_float(d.weight[s], grad_weight + at);
      grad_offset[2 * at] = d.x[s], grad_offset[2 * at + 1] = d.y[s];
    }
  }
}

extern "C" __global__ void deform_backward(const io_t *value, const u32 *words, const float *offset, const io_t *weight,
                                           const float *reference, const i64 *sizes, const io_t *grad_out,
                                           const float *, io_t *grad_value, float *grad_offset, io_t *grad_weight,
                                           i64 B, i64 S, i64 Q, i64 references) {
  const Shape z = {B, S, Q, gridDim.y, blockIdx.z, blockIdx.y};
  const float *centre = reference + z.batch % references * Q * LEVELS * 2;
  const Levels levels = levels_of(sizes);
  const vec *slice = rows_of(value, words, z);
  static thread_local std::vector<vec> sums;
  sums.assign(S * PARTS, vec{});
  Samples t[BATCH];
  vec partial[GROUPS * VEC] = {};
  for (i64 q = 0; q < Q; q += BATCH) {
    const int n = (int)(Q - q < BATCH ? Q - q : BATCH);
    look_up_some(t, n, q, offset, weight, centre, levels, z);
    for (int i = 0; i < n; i++) {
      const i64 row = (z.batch * Q + q + i) * z.heads + z.head;
      vec grad[PARTS];
      read_row(grad_out + row * D, grad);
      descend(slice, sums.data(), t[i], grad, partial, grad_offset + row * SAMPLES * 2, grad_weight + row * SAMPLES);
    }
  }
  for (i64 token = 0; token < S; token++)
    write_row(&sums[token * PARTS], grad_value + ((z.batch * S + token) * z.heads + z.head) * D);
}
