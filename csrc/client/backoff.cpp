#include "client/backoff.hpp"

#include <algorithm>

namespace realmsync::client {

void Backoff::update(std::int32_t reason, const std::optional<BackoffParameters>& parameters) {
    if (trigger_ == reason)
        return;
    parameters_ = parameters.value_or(defaults_);
    step_.reset();
    trigger_ = reason;
}

std::int64_t Backoff::delay(Random& random) {
    const BackoffParameters& p = parameters_;
    if (!step_) {
        step_ = p.initial_ms;
    } else if (*step_ != p.max_ms) {
        std::int64_t next = 0;
        if (__builtin_mul_overflow(*step_, p.multiplier, &next))
            next = p.max_ms;
        step_ = std::min(next, p.max_ms);
    }
    return p.jitter_divisor > 0 ? *step_ - random.up_to(*step_ / p.jitter_divisor) : *step_;
}

void Backoff::reset() {
    trigger_.reset();
    step_.reset();
    parameters_ = defaults_;
}

} // namespace realmsync::client
