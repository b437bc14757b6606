#include "ops/item.h"

#include "ops/modes.h"

namespace chainrule {

Number item_of(const Tensor& t, const char* what, const char* hint) {
  if (t.numel() != 1) {
    fail<ShapeError>(what, "expected a tensor of one element; got one of shape ", t.sizes(), ".");
  }
  if (modes.recorder) modes.recorder->on_read(what, hint);
  switch (category(t.dtype())) {
    case Category::kBool:
      return Number(t.item_int() != 0);
    case Category::kInteger:
      return Number(t.item_int());
    case Category::kFloating:
      break;
  }
  return Number(t.item_double());
}

}  // namespace chainrule
