// What the indexing families share.
#pragma once

#include "ops/op.h"

namespace chainrule {

// int64 and dense. int32 is cast; anything else is an error.
Tensor as_index(const char* op, const Tensor& index);

// Raises IndexError naming the first index outside the allowed range, or returns. `index` is dense;
// `range` says what is expected in it, `of` what users call the size.
void check_index_range(const char* op, const Tensor& index, int64_t size, bool wrap,
                       const char* range = "indices in", const char* of = nullptr);

// Raises ShapeError unless index.shape[d] <= limit.shape[d] in every dimension but `skip`; `what`
// has the shape `limit`.
void check_index_shape(const char* op, const Tensor& index, const Dims& limit, int skip,
                       const char* what);

// Which public op an index_read / index_write stands for: the name in errors, and whether negative
// indices count from the end.
enum IndexForm : int64_t {
  kIndexForm,
  kIndexSelectForm,
  kTakeForm,
  kIndexPutForm,
  kIndexAddForm,
  kIndexCopyForm,
  kIndexFillForm,
  kEmbeddingForm,
  kEmbeddingBagForm,
  kOffsetsForm,
  kBagsForm,
  kIndexForms  // how many
};
struct IndexFormText {
  const char* name;
  bool wraps;
  const char* range = "indices in";
  const char* of = nullptr;  // what users call the size
};
const IndexFormText& text_of_form(int64_t form);

// The shape of what indices of the sizes `index` along `dims` name in a tensor of `sizes`: they
// stand where the indexed dimensions stood if those are neighbours, else in front.
Dims indexed_sizes(const Dims& sizes, const Dims& dims, const Dims& index);

}  // namespace chainrule
