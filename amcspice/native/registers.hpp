// How many numbers a register of the level holds that is compiled for.
#pragma once

namespace amc {

#if defined(__AVX512F__)
inline constexpr int LANES = 8;
#elif defined(__AVX__)
inline constexpr int LANES = 4;
#else
inline constexpr int LANES = 2;
#endif

}  // namespace amc
