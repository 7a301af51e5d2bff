#include "query/strings/text_pattern.hpp"

#include <algorithm>

#include "query/strings/fold.hpp"
#include "query/strings/like.hpp"

namespace realmsync::query {

namespace {

// Shorter needles are looked for at every place: at worst so many steps per byte of the text.
constexpr std::size_t kShortNeedle = 32;

std::vector<std::uint32_t> fallbacks(std::string_view needle) {
    std::vector<std::uint32_t> table(needle.size());
    std::uint32_t matched = 0;
    for (std::size_t i = 1; i < needle.size(); ++i) {
        while (matched != 0 && needle[i] != needle[matched])
            matched = table[matched - 1];
        matched += needle[i] == needle[matched];
        table[i] = matched;
    }
    return table;
}

} // namespace

TextPattern::TextPattern(Operator op, bool ignore_case, const ValueView& needle)
    : op_(op), ignore_case_(ignore_case), type_(needle.type()) {
    if (!needle.is_text())
        return;
    needle_ = ignore_case ? fold(needle.bytes()) : std::string(needle.bytes());
    if (op == Operator::contains && needle_.size() > kShortNeedle)
        fallbacks_ = fallbacks(needle_);
}

bool TextPattern::matches(const ValueView& value, Work& work) const {
    if (type_ == Type::null)
        return matches_null(value);
    const bool is_of_type = value.type() == type_ && value.is_text();
    if (op_ == Operator::not_equal)
        return !is_of_type || !matches_bytes(value.bytes(), work);
    return is_of_type && matches_bytes(value.bytes(), work);
}

bool TextPattern::matches_null(const ValueView& value) const {
    switch (op_) {
    case Operator::equal:
    case Operator::like: return value.is_null();
    case Operator::not_equal:
    case Operator::contains: return !value.is_null();
    default: return false;
    }
}

bool TextPattern::matches_bytes(std::string_view text, Work& work) const {
    if (op_ == Operator::contains)
        work.spend(text.size() / 4);
    else if (op_ != Operator::like) // which counts for itself
        work.spend(std::min(text.size(), needle_.size()) / 16);
    switch (op_) {
    case Operator::begins_with:
        return ignore_case_ ? begins_with_folded(text, needle_) : text.starts_with(needle_);
    case Operator::ends_with:
        return ignore_case_ ? ends_with_folded(text, needle_) : text.ends_with(needle_);
    case Operator::contains: return contains(text);
    case Operator::like:
        return ignore_case_ ? is_like_folded(text, needle_, work) : is_like(text, needle_, work);
    default: return ignore_case_ ? equals_folded(text, needle_) : text == needle_;
    }
}

bool TextPattern::contains(std::string_view text) const {
    if (text.size() < needle_.size())
        return false;
    if (fallbacks_.empty() && !ignore_case_)
        return text.find(needle_) != std::string_view::npos;
    if (fallbacks_.empty()) {
        for (std::size_t at = 0; at + needle_.size() <= text.size(); ++at) {
            std::size_t matched = 0;
            while (matched < needle_.size() &&
                   folded_byte(text, at + matched) == static_cast<unsigned char>(needle_[matched]))
                ++matched;
            if (matched == needle_.size())
                return true;
        }
        return false;
    }
    std::size_t matched = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto byte = ignore_case_ ? static_cast<char>(folded_byte(text, at)) : text[at];
        while (matched != 0 && byte != needle_[matched])
            matched = fallbacks_[matched - 1];
        matched += byte == needle_[matched];
        if (matched == needle_.size())
            return true;
    }
    return false;
}

} // namespace realmsync::query
