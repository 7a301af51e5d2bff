// Base64 with the standard alphabet and padding (RFC 4648 section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace realmsync {

std::string base64_encode(std::string_view bytes);
// Strict: nothing for other characters, missing padding or set bits behind the end.
std::optional<std::string> base64_decode(std::string_view text);

} // namespace realmsync
