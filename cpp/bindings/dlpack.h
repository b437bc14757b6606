// DLPack's ABI (github.com/dmlc/dlpack, versions 0.8 and 1.x): our own mirror of the structs.
#pragma once

#include <cstdint>

namespace chainrule::dlpack {

enum DeviceType : int32_t { kCpu = 1 };
struct Device {
  int32_t type;
  int32_t id;
};

enum TypeCode : uint8_t { kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kBool = 6 };
struct DataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};

struct DlTensor {
  void* data;
  Device device;
  int32_t ndim;
  DataType dtype;
  int64_t* shape;
  int64_t* strides;  // in elements; null for dense row-major
  uint64_t byte_offset;
};

struct ManagedTensor {  // capsule "dltensor"
  DlTensor tensor;
  void* context;
  void (*deleter)(ManagedTensor*);
};

struct Version {
  uint32_t major;
  uint32_t minor;
};
inline constexpr uint64_t kReadOnly = 1;
inline constexpr uint64_t kCopied = 2;

struct ManagedTensorVersioned {  // capsule "dltensor_versioned"
  Version version;
  void* context;
  void (*deleter)(ManagedTensorVersioned*);
  uint64_t flags;
  DlTensor tensor;
};

}  // namespace chainrule::dlpack
