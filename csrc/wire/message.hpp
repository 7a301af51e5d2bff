// The messages of sync protocol 9 to 14, one struct each, both directions (wire-protocol.md
// sections 7 to 10). Views point into the received message. Reading is in parse.hpp, writing in
// format.hpp, bodies of UPLOAD and DOWNLOAD in body.hpp. What a message means is the engines'
// business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "wire/cursor.hpp"

namespace realmsync::wire {

enum class Mode : std::uint8_t { partition, flexible };

// A counted body with the compression triple of section 5.3. `bytes` is what stands in the message.
struct Body {
    bool compressed = false;
    std::uint64_t uncompressed_size = 0;
    std::uint64_t compressed_size = 0;
    std::string_view bytes;
};

// Both directions
struct Mark {
    std::uint64_t session = 0;
    std::uint64_t request = 0;
};
struct TestCommand {
    std::uint64_t session = 0;
    std::uint64_t request = 0;
    std::string_view body; // JSON
};
struct JsonError { // session 0: the connection
    std::int32_t code = 0;
    std::uint64_t session = 0;
    std::string_view body; // JSON
};

// Client to server
struct Bind {
    std::uint64_t session = 0;
    std::string_view data; // partition value as extended JSON, or the FLX JSON object
    std::string_view token;
    bool need_ident = false;
    bool is_subserver = false;
};
struct ClientIdent {
    std::uint64_t session = 0;
    FileIdent file;
    DownloadCursor download;
    SaltedVersion latest;
    std::int64_t query_version = 0; // FLX
    std::string_view query;         // FLX
};
struct Query {
    std::uint64_t session = 0;
    std::int64_t query_version = 0;
    std::string_view query;
};
struct Upload {
    std::uint64_t session = 0;
    Body body;
    UploadCursor progress;
    std::uint64_t locked_server_version = 0;
};
struct Unbind {
    std::uint64_t session = 0;
};
struct Ping {
    std::int64_t timestamp = 0;  // sender's monotonic clock, ms
    std::int64_t round_trip = 0; // of the previous PING, ms
};

// Server to client
struct ServerIdent {
    std::uint64_t session = 0;
    FileIdent file;
};
enum class BatchState : std::uint8_t { more_to_come = 0, last_in_batch = 1, steady_state = 2 };
struct Download {
    std::uint64_t session = 0;
    SyncProgress progress;
    std::int64_t downloadable_bytes = 0;               // PBS, and FLX up to version 11
    std::int64_t query_version = 0;                    // FLX
    BatchState batch_state = BatchState::steady_state; // FLX; before 14 never steady_state
    double progress_estimate = 0;                      // FLX from version 12 on, 0 to 1
    Body body;
};
struct Unbound {
    std::uint64_t session = 0;
};
struct Pong {
    std::int64_t timestamp = 0;
};
struct QueryError {
    std::int32_t code = 0;
    std::uint64_t session = 0;
    std::int64_t query_version = 0;
    std::string_view message;
};
struct LogMessage {
    std::uint64_t session = 0;
    std::string_view body; // JSON
};
struct PlainError {
    std::int32_t code = 0;
    bool try_again = false;
    std::uint64_t session = 0;
    std::string_view message;
};

using ClientMessage =
    std::variant<Bind, ClientIdent, Query, Upload, Mark, Unbind, Ping, TestCommand, JsonError>;
using ServerMessage = std::variant<ServerIdent, Download, Mark, Unbound, Pong, QueryError,
                                   LogMessage, TestCommand, JsonError, PlainError>;

} // namespace realmsync::wire
