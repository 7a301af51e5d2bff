// The words of the language that every stage shares: operators, quantifiers, and how a query fails.
// query-language.md sections 3 and 4.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace realmsync::query {

enum class Operator : std::uint8_t {
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    in,
    begins_with,
    ends_with,
    contains,
    like,
    text,
    between,
};

enum class Quantifier : std::uint8_t { unsaid, any, all, none };

// What speaks against a query, by what has to be mended: the text, a name or type, an argument, or
// the size of what is asked (section 4; the last one is ours).
enum class FaultKind : std::uint8_t { syntax, invalid_query, invalid_argument, limit };

// Thrown by parse() and bind() for what is asked; and while a bound query runs, for the work that
// it takes (limit, work.hpp) and nothing else: whether that is too much depends on the data.
class QueryFault : public std::runtime_error {
  public:
    static constexpr std::uint32_t kNoPosition = static_cast<std::uint32_t>(-1);

    QueryFault(FaultKind kind, const std::string& message, std::uint32_t position = kNoPosition)
        : std::runtime_error(message), kind_(kind), position_(position) {}
    FaultKind kind() const { return kind_; }
    std::uint32_t position() const { return position_; } // byte offset into the text

  private:
    FaultKind kind_;
    std::uint32_t position_;
};

} // namespace realmsync::query
