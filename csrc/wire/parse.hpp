// Reads messages. Strict: fields, ranges and counted sizes are checked before use, and nothing may
// be left over (wire-protocol.md section 5).
#pragma once

#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "wire/message.hpp"

namespace realmsync::wire {

// The error's kind says which code answers it: protocol_code() of error_code.hpp.
Result<ClientMessage> parse_client_message(std::string_view bytes, Mode mode);
// The head of an UPLOAD, of which `bytes` are the first; without a body. None: it is no such head.
std::optional<Upload> parse_upload_head(std::string_view bytes);
std::optional<Download> parse_download_head(std::string_view bytes, Mode mode, int version);
// `version` is the negotiated protocol version; FLX DOWNLOAD heads depend on it.
Result<ServerMessage> parse_server_message(std::string_view bytes, Mode mode, int version);

} // namespace realmsync::wire
