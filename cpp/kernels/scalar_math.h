// Scalar maths for the functors and the row kernels; see maths/basics.h for what it promises.
#pragma once

#include "kernels/maths/activation.h"
#include "kernels/maths/arctangent.h"
#include "kernels/maths/exponential.h"
#include "kernels/maths/libm.h"
#include "kernels/maths/logarithm.h"
#include "kernels/maths/normal.h"
#include "kernels/maths/trigonometry.h"
