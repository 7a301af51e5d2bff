// Writes messages, byte for byte as the SDK client and the reference server do.
#pragma once

#include <string>

#include "wire/message.hpp"

namespace realmsync::wire {

// Throw std::logic_error for what must never be sent: codes that terminate a client's process, 231
// and 236 as plain ERROR, a progress estimate outside 0 to 1.

// Body.bytes is copied as it stands with its triple; see body.hpp for compressing one.
std::string format(const Bind& message);
std::string format(const ClientIdent& message, Mode mode);
std::string format(const Query& message);
std::string format(const Upload& message);
std::string format(const Mark& message);
std::string format(const Unbind& message);
std::string format(const Ping& message);
std::string format(const TestCommand& message);
std::string format(const JsonError& message);
std::string format(const ServerIdent& message);
std::string format(const Download& message, Mode mode, int version);
std::string format(const Unbound& message);
std::string format(const Pong& message);
std::string format(const QueryError& message);
std::string format(const LogMessage& message);
std::string format(const PlainError& message);
std::string format(const ClientMessage& message, Mode mode);
std::string format(const ServerMessage& message, Mode mode, int version);

} // namespace realmsync::wire
