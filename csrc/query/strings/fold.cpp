#include "query/strings/fold.hpp"

namespace realmsync::query {

namespace {

// Whether the bytes of `text` from `at` on are `folded`.
bool is_at(std::string_view text, std::size_t at, std::string_view folded) {
    for (std::size_t i = 0; i < folded.size(); ++i) {
        if (folded_byte(text, at + i) != static_cast<unsigned char>(folded[i]))
            return false;
    }
    return true;
}

} // namespace

std::string fold(std::string_view text) {
    std::string folded(text.size(), '\0');
    for (std::size_t i = 0; i < text.size(); ++i)
        folded[i] = static_cast<char>(folded_byte(text, i));
    return folded;
}

bool equals_folded(std::string_view text, std::string_view folded) {
    return text.size() == folded.size() && is_at(text, 0, folded);
}

bool begins_with_folded(std::string_view text, std::string_view folded) {
    return text.size() >= folded.size() && is_at(text, 0, folded);
}

bool ends_with_folded(std::string_view text, std::string_view folded) {
    return text.size() >= folded.size() && is_at(text, text.size() - folded.size(), folded);
}

} // namespace realmsync::query
