// Logic on truth values: any non-zero element is true, NaN too. The bitwise forms follow the dtype.
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

const OpDef kLogicalAnd = {
    .name = "logical_and",
    .doc = "Whether both elements are non-zero; the shapes broadcast.",
    .signatures = {"logical_and(Tensor input, Tensor other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_predicate,
    .forward = forward_map<Map::logical_and>,
    .traits = kElementwise | kBroadcasts,
};

const OpDef kLogicalOr = {
    .name = "logical_or",
    .doc = "Whether at least one of the elements is non-zero; the shapes broadcast.",
    .signatures = {"logical_or(Tensor input, Tensor other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_predicate,
    .forward = forward_map<Map::logical_or>,
    .traits = kElementwise | kBroadcasts,
};

const OpDef kLogicalXor = {
    .name = "logical_xor",
    .doc = "Whether exactly one of the elements is non-zero; the shapes broadcast.",
    .signatures = {"logical_xor(Tensor input, Tensor other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_predicate,
    .forward = forward_map<Map::logical_xor>,
    .traits = kElementwise | kBroadcasts,
};

const OpDef kLogicalNot = {
    .name = "logical_not",
    .doc = "Whether each element is zero.",
    .signatures = {"logical_not(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_predicate,
    .forward = forward_map<Map::logical_not>,
    .traits = kElementwise,
};

const OpDef kBitwiseAnd = {
    .name = "bitwise_and",
    .doc = "The and of the operands' bits, for integers and bools; the shapes broadcast.",
    .signatures = {"bitwise_and(Operand input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_map<Map::bitwise_and>,
    .traits = kElementwise | kBroadcasts,
};

const OpDef kBitwiseOr = {
    .name = "bitwise_or",
    .doc = "The or of the operands' bits, for integers and bools; the shapes broadcast.",
    .signatures = {"bitwise_or(Operand input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_map<Map::bitwise_or>,
    .traits = kElementwise | kBroadcasts,
};

const OpDef kBitwiseXor = {
    .name = "bitwise_xor",
    .doc = "The exclusive or of the operands' bits, for integers and bools; the shapes broadcast.",
    .signatures = {"bitwise_xor(Operand input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_map<Map::bitwise_xor>,
    .traits = kElementwise | kBroadcasts,
};

const OpDef kBitwiseNot = {
    .name = "bitwise_not",
    .doc = "Every bit turned over, for integers; not, for bools.",
    .signatures = {"bitwise_not(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_map,
    .forward = forward_map<Map::bitwise_not>,
    .traits = kElementwise,
};

}  // namespace chainrule::ops
