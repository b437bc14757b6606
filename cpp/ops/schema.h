// The parsed signatures of an operation, written by generate.py: what the Python parser stores
// attributes by, and what errors and docstrings show.
#pragma once

#include <cstdint>

namespace chainrule {

enum class ParamKind : uint8_t {
  kTensor,
  kOptionalTensor,
  kTensorList,
  kOperand,  // a tensor or a Python number that stays weak in promotion
  kInt,
  kOptInt,
  kInts,
  kOptInts,
  kFloat,
  kOptFloat,
  kBool,
  kNumber,
  kOptNumber,
  kDType,
  kOptDType,
  kReduction,
  kRounding,
  kGeluForm,
  kNormOrder,  // a number, "fro" or None
};

struct Param {
  const char* name;
  ParamKind kind;
  bool keyword_only;
  int16_t input;             // place among the tensor parameters, -1 for an attribute
  int32_t offset;            // of the field in the attribute struct, -1 for a tensor
  const char* default_text;  // as written; null without default
};

struct Signature {
  const char* text;         // as written in the op block
  const char* python_name;  // what stands before "("
  const Param* params;
  int count;
  int positional;  // how many may be given by position
};

struct OpSchema {
  const Signature* signatures;
  int signature_count;
  int tensor_params;  // how many entries list_ends has
  bool has_list;
  int attr_bytes;
  const void* attr_defaults;   // attr_bytes; fields without default are zero
  const char* const* outputs;  // names of the visible outputs
  int output_count;            // -1: as many as the op makes (Tensor[])
};

}  // namespace chainrule
