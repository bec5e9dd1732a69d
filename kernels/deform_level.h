// A level as one query sees it, for one thread.
struct Level {
  int width, height, start;
  float x, y;  // reference times size
};
FN Level level_at(const i64 *sizes, const float *reference, int l) {
  Level v;
  v.height = (int)sizes[3 * l], v.width = (int)sizes[3 * l + 1], v.start = (int)sizes[3 * l + 2];
  v.x = __fmul_rn(reference[2 * l], (float)v.width), v.y = __fmul_rn(reference[2 * l + 1], (float)v.height);
  return v;
}
FN Tap<float, int> sample_at(const Level &v, const float *offset, int s) {
  const float x = __fsub_rn(__fadd_rn(v.x, offset[2 * s]), 0.5f);
  const float y = __fsub_rn(__fadd_rn(v.y, offset[2 * s + 1]), 0.5f);
  return tap_of(x, y, v.width, v.height, v.start);
}
