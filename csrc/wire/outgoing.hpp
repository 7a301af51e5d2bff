// A message on its way to the transport: what an engine hands out, and the bytes it leaves free for
// the frame. Its text is written by format.hpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace realmsync::wire {

// Free bytes in front of every outgoing message, for the frame header.
inline constexpr std::size_t kHeadRoom = 16;

// The head and what is sent behind it, apart until the connection puts them together: the one copy
// of a body on its way out.
struct Outgoing {
    std::string head;
    std::string body = {};
};

inline std::string build(std::string_view head, std::string_view body = {}) {
    std::string message;
    message.reserve(kHeadRoom + head.size() + body.size());
    message.append(kHeadRoom, '\0');
    message += head;
    message += body;
    return message;
}

} // namespace realmsync::wire
