// One sample of deformable attention: a location in pixels -> four taps of its level. The operations and their order
// are those of layers/deform.py, each rounded on its own: a location on a dyadic grid gives exact coefficients.
//
// Corners: 0 (left, top), 1 (right, top), 2 (left, bottom), 3 (right, bottom). A corner outside the level has no bit in
// `inside`, coefficient 0 and some index that may be read. A location that is no finite number has all four outside.
//
// F and I are float and int, or on a CPU vectors of them, one lane a sample. A comparison is then a mask of ~0, so it
// is never used as a number.

FN float to_real(int a) { return (float)a; }
FN int to_whole(float a) { return (int)a; }  // towards zero

template <class F, class I>
struct Tap {
  I index[4];   // tokens, counted from the first of all levels
  F share[4];   // bilinear coefficients
  F fx, fy;     // where in the cell
  I inside;     // one bit a corner
};

template <class F, class I>
FN Tap<F, I> tap_of(F x, F y, I width, I height, I start) {
  const F zero = to_real(width - width);
  const I none = width - width, one = none + 1;
  const auto near = (x >= -1.f) & (x < to_real(width)) & (y >= -1.f) & (y < to_real(height));
  x = near ? x : zero, y = near ? y : zero;
  I x0 = to_whole(x), y0 = to_whole(y);
  x0 = to_real(x0) > x ? x0 - 1 : x0, y0 = to_real(y0) > y ? y0 - 1 : y0;
  const F fx = x - to_real(x0), fy = y - to_real(y0), ex = 1.f - fx, ey = 1.f - fy;
  const auto l = near & (x0 >= 0), r = near & (x0 < width - 1);
  const auto t = y0 >= 0, b = y0 < height - 1;
  const I column0 = l ? x0 : none, column1 = r ? x0 + 1 : none;
  const I row0 = start + (t ? y0 : none) * width, row1 = start + (b ? y0 + 1 : none) * width;
  const F share0 = ex * ey, share1 = fx * ey, share2 = ex * fy, share3 = fx * fy;
  Tap<F, I> tap;
  tap.index[0] = row0 + column0, tap.index[1] = row0 + column1;
  tap.index[2] = row1 + column0, tap.index[3] = row1 + column1;
  tap.share[0] = l & t ? share0 : zero, tap.share[1] = r & t ? share1 : zero;
  tap.share[2] = l & b ? share2 : zero, tap.share[3] = r & b ? share3 : zero;
  tap.fx = fx, tap.fy = fy;
  tap.inside = (l & t ? one : none) | (r & t ? one * 2 : none) | (l & b ? one * 4 : none) | (r & b ? one * 8 : none);
  return tap;
}

// What the corners' products G say about the three numbers of a sample. G of a corner outside is 0.
template <class F>
struct Slopes {
  F weight, x, y;
};
template <class F, class I>
FN Slopes<F> slopes_of(const Tap<F, I> &t, F weight, const F *g) {
  Slopes<F> s;
  s.weight = t.share[0] * g[0] + t.share[1] * g[1] + (t.share[2] * g[2] + t.share[3] * g[3]);
  s.x = weight * ((1.f - t.fy) * (g[1] - g[0]) + t.fy * (g[3] - g[2]));
  s.y = weight * ((1.f - t.fx) * (g[2] - g[0]) + t.fx * (g[3] - g[1]));
  return s;
}
