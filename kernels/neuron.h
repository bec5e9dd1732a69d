// A neuron on its own: charge, fire, reset, and the slope that stands for the derivative of a spike. snn/neurons.py says
// the same in torch, operation by operation; each is rounded on its own (*_rn). Constants: lif.cu. Wants io.h.
enum { IF, LIF, ILIF };
enum { ATAN, SIGMOID, TRIANGLE, RECTANGLE };

struct Numbers {
  float rate, threshold, v_reset, start, edge, alpha, low, high;
};

FN float minus_rest(float v, const Numbers &k) { return HARD ? __fsub_rn(v, k.v_reset) : v; }

// What the membrane is driven by, before the factor 1/tau: d charge / d rate.
FN float drive(float v, float x, const Numbers &k) {
  return DECAY ? __fsub_rn(x, minus_rest(v, k)) : minus_rest(v, k);
}
FN float charge(float v, float x, const Numbers &k) {
  if (KIND == IF) return __fadd_rn(v, x);
  if (KIND == ILIF) return __fadd_rn(__fmul_rn(k.rate, v), x);  // here rate is beta
  const float moved = __fmul_rn(drive(v, x, k), k.rate);
  return DECAY ? __fadd_rn(v, moved) : __fadd_rn(__fsub_rn(v, moved), x);
}
FN float fire(float h, const Numbers &k) {
  if (KIND == ILIF) {  // comparisons that let a NaN through, as torch's clamp does
    const float clipped = h < k.low ? k.low : (h > k.high ? k.high : h);
    return rintf(clipped);
  }
  const float up = __fsub_rn(h, k.edge) >= 0.f ? 1.f : 0.f;
  return SIGNED ? up - (__fsub_rn(-h, k.edge) >= 0.f ? 1.f : 0.f) : up;
}
FN float reset(float h, float s, const Numbers &k) {
  if (KIND == ILIF) return __fsub_rn(h, s);
  if (HARD) return __fadd_rn(__fmul_rn(s, k.v_reset), __fmul_rn(__fsub_rn(1.f, s), h));
  return __fsub_rn(h, __fmul_rn(k.threshold, s));
}

#ifdef CPU_SHIM
// exp as arithmetic, so that a loop over lanes is vectors: 2^n times a polynomial, relative error below 1e-6. Infinity
// is kept: a slope that is exactly zero there makes a NaN of an infinite gradient, as in torch.
FN float exponential(float a) {
  const float exponent = a * 1.44269504f;
  const float z = exponent < -126.f ? -126.f : (exponent > 127.f ? 127.f : exponent);
  const float n = rintf(z), f = z - n;
  float p = 1.5403530e-4f;
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.f;
  const int bits = ((int)n + 127) << 23;
  float power;
  memcpy(&power, &bits, 4);
  return exponent > 128.f ? INFINITY : p * power;
}
#else
FN float exponential(float a) { return expf(a); }
#endif

// Of a gradient only: two units in the last place on a GPU, where the exact one is a call.
FN float quotient(float a, float b) {
#ifdef CPU_SHIM
  return a / b;
#else
  return __fdividef(a, b);
#endif
}

// A bump of area one at u = 0. Written so that a NaN stays one.
FN float bump(float u, const Numbers &k) {
  const float a = k.alpha;
  if (SURROGATE == ATAN) {
    const float z = 1.57079633f * a * u;
    return quotient(0.5f * a, 1.f + z * z);
  }
  if (SURROGATE == SIGMOID) {
    const float s = quotient(1.f, 1.f + exponential(-a * u));
    return a * s * (1.f - s);
  }
  if (SURROGATE == TRIANGLE) {
    const float r = a * (1.f - a * fabsf(u));
    return r < 0.f ? 0.f : r;
  }
  return fabsf(u) < 0.5f / a ? a : 0.f;
}
// d spike / d h, straight-through on the closed interval for counts.
FN float slope(float h, const Numbers &k) {
  if (KIND == ILIF) return h >= k.low && h <= k.high ? 1.f : 0.f;
  return SIGNED ? bump(h - k.edge, k) + bump(-h - k.edge, k) : bump(h - k.edge, k);
}
