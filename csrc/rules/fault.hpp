// What is wrong with an expression of a rule, for the operator.
#pragma once

#include <stdexcept>
#include <string>

namespace realmsync::rules {

class ExpressionFault : public std::runtime_error {
  public:
    explicit ExpressionFault(const std::string& why, bool is_misplaced = false)
        : std::runtime_error(why), is_misplaced_(is_misplaced) {}
    // Whether it is well-formed, but speaks of what it must not where it stands: a filter with a
    // function, for example.
    bool is_misplaced() const { return is_misplaced_; }

  private:
    bool is_misplaced_;
};

} // namespace realmsync::rules
