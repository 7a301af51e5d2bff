// Reproducible randomness for jitter: the seed comes from outside, as the time does.
#pragma once

#include <cstdint>

namespace realmsync::client {

class Random { // splitmix64
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    // Uniform in [0, max]; the bias of the remainder does not matter for jitter.
    std::int64_t up_to(std::int64_t max) {
        return max <= 0 ? 0
                        : static_cast<std::int64_t>(next() % (static_cast<std::uint64_t>(max) + 1));
    }

  private:
    std::uint64_t state_;
};

} // namespace realmsync::client
