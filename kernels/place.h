// Which rows and columns a thread works on. N elements are `rows` of `width` (layout.py, Cut); a thread has VEC
// neighbouring columns of SPAN rows. Wants io.h.
struct Place {
  i64 group, column, row, end;  // rows [row, end), columns from `column`
  int n;                        // how many of VEC are inside
};
FN bool place(i64 id, i64 rows, i64 width, Place &w) {
  const i64 chunks = (width + VEC - 1) / VEC;
  w.group = id / chunks;
  w.column = id % chunks * VEC;
  w.row = w.group * SPAN;
  w.end = SPAN == 1 || w.row + SPAN < rows ? w.row + SPAN : rows;
  w.n = (int)(width - w.column < VEC ? width - w.column : VEC);
  return w.row < rows;
}
#define THREAD ((i64)blockIdx.x * blockDim.x + threadIdx.x)
