// The C++ library's public headers. In the sources a header is named from cpp/, as
// "core/tensor.h"; installed it is <chainrule/core/tensor.h>, and this one <chainrule/chainrule.h>.
#pragma once

#include "autograd/autograd.h"
#include "core/tensor.h"
#include "core/threads.h"
#include "generated/ops.h"
#include "graph/compile.h"
#include "ops/item.h"
#include "ops/modes.h"
