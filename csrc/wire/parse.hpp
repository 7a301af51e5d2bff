// Reads messages. Strict: fields, ranges and counted sizes are checked before use, and nothing may
// be left over (wire-protocol.md section 5).
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "wire/message.hpp"

namespace realmsync::wire {

// Errors carry kind bad_message and, through protocol_code(), the code a server answers with.
Result<ClientMessage> parse_client_message(std::string_view bytes, Mode mode);
// `version` is the negotiated protocol version; FLX DOWNLOAD heads depend on it.
Result<ServerMessage> parse_server_message(std::string_view bytes, Mode mode, int version);

} // namespace realmsync::wire
