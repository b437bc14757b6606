// Tensors of another one's shape or dtype.
#include "generated/ops.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

const OpDef kEmptyLike = {
    .name = "empty_like",
    .doc = "empty(input.shape) of the input's dtype unless another is given.",
    .signatures = {"empty_like(Tensor input, *, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          return just(empty(c[0].sizes(), c.as<EmptyLikeAttrs>().dtype.value_or(c[0].dtype())));
        },
};

const OpDef kZerosLike = {
    .name = "zeros_like",
    .doc = "zeros(input.shape) of the input's dtype unless another is given.",
    .signatures = {"zeros_like(Tensor input, *, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          return just(zeros(c[0].sizes(), c.as<ZerosLikeAttrs>().dtype.value_or(c[0].dtype())));
        },
};

const OpDef kOnesLike = {
    .name = "ones_like",
    .doc = "ones(input.shape) of the input's dtype unless another is given.",
    .signatures = {"ones_like(Tensor input, *, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          return just(ones(c[0].sizes(), c.as<OnesLikeAttrs>().dtype.value_or(c[0].dtype())));
        },
};

const OpDef kFullLike = {
    .name = "full_like",
    .doc = "full(input.shape, fill_value) of the input's dtype unless another is given.",
    .signatures = {"full_like(Tensor input, Number fill_value, *, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<FullLikeAttrs>();
          return just(full(c[0].sizes(), a.fill_value, a.dtype.value_or(c[0].dtype())));
        },
};

const OpDef kNewEmpty = {
    .name = "new_empty",
    .doc = "empty(size) of the input's dtype unless another is given.",
    .signatures = {"new_empty(Tensor input, int[] size, *, dtype? dtype=None) -> Tensor"},
    .surface = kMethod,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<NewEmptyAttrs>();
          return just(empty(a.size, a.dtype.value_or(c[0].dtype())));
        },
};

const OpDef kNewZeros = {
    .name = "new_zeros",
    .doc = "zeros(size) of the input's dtype unless another is given.",
    .signatures = {"new_zeros(Tensor input, int[] size, *, dtype? dtype=None) -> Tensor"},
    .surface = kMethod,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<NewZerosAttrs>();
          return just(zeros(a.size, a.dtype.value_or(c[0].dtype())));
        },
};

const OpDef kNewOnes = {
    .name = "new_ones",
    .doc = "ones(size) of the input's dtype unless another is given.",
    .signatures = {"new_ones(Tensor input, int[] size, *, dtype? dtype=None) -> Tensor"},
    .surface = kMethod,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<NewOnesAttrs>();
          return just(ones(a.size, a.dtype.value_or(c[0].dtype())));
        },
};

const OpDef kNewFull = {
    .name = "new_full",
    .doc = "full(size, fill_value) of the input's dtype unless another is given.",
    .signatures =
        {"new_full(Tensor input, int[] size, Number fill_value, *, dtype? dtype=None) -> Tensor"},
    .surface = kMethod,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<NewFullAttrs>();
          return just(full(a.size, a.fill_value, a.dtype.value_or(c[0].dtype())));
        },
};

}  // namespace chainrule::ops
