// Distances and angles between vectors, and the losses that are made of them.
//
// Source: Hadsell, Chopra, LeCun, Dimensionality Reduction by Learning an Invariant Mapping (2006);
// Balntas et al., Learning local feature descriptors with triplets (2016).
#include "ops/loss.h"

namespace chainrule::ops {

namespace {

Tensor length(const Tensor& x, double p, const Dims& dims) {
  return vector_norm(x, Number(p), OptDims(dims), true);
}

Tensor at_least(const Tensor& x, double low) { return clamp(x, OptNumber(low)); }

Tensor distance(const Tensor& a, const Tensor& b, double p, double eps, bool keepdim) {
  return vector_norm(add(sub(a, b), eps), Number(p), OptDims(Dims{-1}), keepdim);
}

// (a b) / sqrt((a a + e) (b b + e)) along the last dim, as PyTorch's loss has it: its e is fixed.
Tensor cosine(const Tensor& a, const Tensor& b) {
  constexpr double kTiny = 1e-12;
  const Dims last{-1};
  const Tensor aa = add(sum(square(a), last), kTiny), bb = add(sum(square(b), last), kTiny);
  return div(sum(mul(a, b), last), sqrt(mul(aa, bb)));
}

}  // namespace

const OpDef kPairwiseDistance = {
    .name = "pairwise_distance",
    .doc =
        "The p-norm of x1 - x2 + eps along the last dim; the shapes broadcast. The derivative "
        "where it is 0 is 0.",
    .signatures = {"pairwise_distance(Tensor x1, Tensor x2, float p=2.0, float eps=1e-6, bool "
                   "keepdim=False) -> Tensor"},
    .surface = kFunction | kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<PairwiseDistanceAttrs>();
          check_floating_input(c);
          return just(distance(c[0], c[1], a.p, a.eps, a.keepdim));
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kCosineSimilarity = {
    .name = "cosine_similarity",
    .doc =
        "sum(x1 / max(|x1|, eps) * x2 / max(|x2|, eps)) along dim, the cosine of their angle; the "
        "shapes broadcast.",
    .signatures = {"cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-8) -> Tensor"},
    .surface = kFunction | kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<CosineSimilarityAttrs>();
          check_floating_input(c);
          Dims common;
          if (!broadcast_shapes(c[0].sizes(), c[1].sizes(), &common)) {
            fail<ShapeError>(c.name(), "expected x1 and x2 of shapes that broadcast; got ",
                             c[0].sizes(), " and ", c[1].sizes(), ".");
          }
          const int rank = static_cast<int>(common.size());
          const Dims dim{normalize_dim(c.name(), a.dim, rank)};
          const Tensor x1 = expand(c[0], common), x2 = expand(c[1], common);
          const Tensor unit1 = div(x1, at_least(length(x1, 2, dim), a.eps));
          const Tensor unit2 = div(x2, at_least(length(x2, 2, dim), a.eps));
          return just(sum(mul(unit1, unit2), dim));
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kNormalize = {
    .name = "normalize",
    .doc = "input / max(|input|, eps) along dim, with the p-norm: vectors of length 1.",
    .signatures =
        {"normalize(Tensor input, float p=2.0, int[] dim=(1,), float eps=1e-12) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<NormalizeAttrs>();
          check_floating_input(c);
          return just(div(c[0], at_least(length(c[0], a.p, a.dim), a.eps)));
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kCosineEmbeddingLoss = {
    .name = "cosine_embedding_loss",
    .doc =
        "1 - cos(input1, input2) where the target is 1, max(0, cos - margin) where it is -1, for "
        "vectors (N, D) with targets (N,), or (D,) with a 0-d one; its mean by default.",
    .signatures = {"cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, *, float "
                   "margin=0.0, Reduction reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<CosineEmbeddingLossAttrs>();
          check_floating_input(c);
          Dims rows = c[0].sizes();
          const int rank = c[0].dim();
          if (rank == 1 || rank == 2) rows.erase(rank - 1);
          if (rank == 0 || rank > 2 || !(c[1].sizes() == c[0].sizes()) || !(c[2].sizes() == rows)) {
            fail<ShapeError>(c.name(),
                             "expected input1 and input2 (N, D) with target (N,), or (D,) with a "
                             "0-d one; got ",
                             c[0].sizes(), ", ", c[1].sizes(), " and ", c[2].sizes(), ".");
          }
          const Tensor cos = cosine(c[0], c[1]);
          const Tensor alike = where(eq(c[2], 1), rsub(cos, 1), 0);
          const Tensor apart = where(eq(c[2], -1), at_least(sub(cos, a.margin), 0), 0);
          return reduced(add(alike, apart), a.reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kTripletMarginLoss = {
    .name = "triplet_margin_loss",
    .doc =
        "max(0, margin + d(anchor, positive) - d(anchor, negative)) with d of pairwise_distance; "
        "with `swap` d(positive, negative) counts where it is smaller. Its mean by default. Shapes "
        "must be equal.",
    .signatures = {"triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, *, float "
                   "margin=1.0, float p=2.0, float eps=1e-6, bool swap=False, Reduction "
                   "reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<TripletMarginLossAttrs>();
          check_floating_input(c);
          check_three_shapes(c, "anchor, positive and negative");
          if (!(a.margin > 0)) {
            fail<ValueError>(c.name(), "expected margin > 0; got ", a.margin, ".");
          }
          const auto d = [&](int i, int j) { return distance(c[i], c[j], a.p, a.eps, false); };
          const Tensor near = d(0, 1);
          Tensor far = d(0, 2);
          if (a.swap) far = minimum(far, d(1, 2));
          return reduced(at_least(sub(add(near, a.margin), far), 0), a.reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

}  // namespace chainrule::ops
