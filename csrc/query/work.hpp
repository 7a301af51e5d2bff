// How much a run of a query may cost. A text of a few lines can ask for more than any machine does:
// paths through lists of links that lead in circles, LIKE with patterns as long as the texts. What
// takes time is counted here as it happens, and ends with an error when it is too much. Where time
// grows no faster than data and query do, the limits are not meant to be met.
#pragma once

#include <algorithm>
#include <cstdint>

#include "query/operators.hpp"

namespace realmsync::query {

// In steps, each of which takes some nanoseconds: a term of AND or OR, a few bytes of text, a few
// values of a list; a link that is followed is several.
inline constexpr std::uint64_t kStepTime = 3; // ns, about
struct WorkLimits {
    // For one object: below a second or two, after which whoever waits may interrupt the run.
    std::uint64_t object = 100'000'000;
    // For all objects of a run together: some seconds.
    std::uint64_t run = 400'000'000;
    // For each object on top of that, so that large files may be asked: some microseconds, about
    // what reading an object takes anyway.
    std::uint64_t free = 1000;
};

class Work {
  public:
    explicit Work(const WorkLimits& limits = {})
        : limits_(limits), run_(limits.run), granted_(std::min(limits.object, limits.run)),
          left_(granted_) {}

    // The next object is asked.
    void begin_object() {
        const std::uint64_t used = granted_ - left_;
        spent_ += used;
        run_ -= std::min(run_, used > limits_.free ? used - limits_.free : 0);
        left_ = granted_ = std::min(limits_.object, run_ + limits_.free);
    }
    // Throws QueryFault (limit) when they are too many.
    void spend(std::uint64_t steps) {
        if (steps > left_)
            fail();
        left_ -= steps;
    }
    std::uint64_t left() const { return left_; }
    std::uint64_t spent() const { return spent_ + granted_ - left_; }

  private:
    [[noreturn]] void fail() const;

    WorkLimits limits_;
    std::uint64_t run_;       // left of the limit for all
    std::uint64_t granted_;   // for the present object
    std::uint64_t left_;      // of that
    std::uint64_t spent_ = 0; // on objects before
};

} // namespace realmsync::query
