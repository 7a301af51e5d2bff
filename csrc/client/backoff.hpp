// Growing delays after repeated failures of one kind (client-session.md 9.2). Used per connection,
// with termination reasons, and per session, with error codes.
#pragma once

#include <cstdint>
#include <optional>

#include "client/random.hpp"

namespace realmsync::client {

struct BackoffParameters {
    std::int64_t initial_ms = 1'000;
    std::int64_t max_ms = 300'000;
    std::int64_t multiplier = 2;
    std::int64_t jitter_divisor = 4; // 0: no jitter
};

class Backoff {
  public:
    explicit Backoff(const BackoffParameters& defaults = {})
        : defaults_(defaults), parameters_(defaults) {}

    // Notes a failure. One of the kind noted last continues the series, with its parameters.
    void update(std::int32_t reason, const std::optional<BackoffParameters>& parameters = {});
    // The next delay of the series in ms. Jitter shortens the result, never the stored step.
    std::int64_t delay(Random& random);
    void reset();
    bool has_failed() const { return trigger_.has_value(); }
    bool has_failed_by(std::int32_t reason) const { return trigger_ == reason; }

  private:
    BackoffParameters defaults_, parameters_;
    std::optional<std::int32_t> trigger_;
    std::optional<std::int64_t> step_;
};

} // namespace realmsync::client
