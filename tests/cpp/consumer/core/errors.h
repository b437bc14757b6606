// A header of this project's, in a folder that chainrule has, too.
#pragma once

namespace consumer {
inline constexpr int kFailed = 1;
}
