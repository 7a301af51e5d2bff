// Head lines and counted bodies to messages (wire-protocol.md sections 5, 8, 9 and 10).
#include "wire/parse.hpp"

#include "wire/reader.hpp"

namespace realmsync::wire {

namespace {

// Fields of one head, each with its space in front, and what follows the head.
class Head {
  public:
    explicit Head(std::string_view bytes) : in_(bytes) {}

    std::string_view type() {
        const std::string_view word = in_.word();
        if (word.empty())
            in_.fail(ErrorKind::bad_message, "A message starts with its type word");
        return word;
    }

    void unsigned_field(std::uint64_t& value, std::string_view name) {
        space(name);
        value = in_.integer<std::uint64_t>(name, ErrorKind::bad_message, 0, kMaxUnsigned);
    }
    void session(std::uint64_t& value) { unsigned_field(value, "session ident"); }

    void signed_field(std::int64_t& value, std::string_view name,
                      std::int64_t low = std::numeric_limits<std::int64_t>::min()) {
        space(name);
        value = in_.integer<std::int64_t>(name, ErrorKind::bad_message, low,
                                          std::numeric_limits<std::int64_t>::max());
    }
    void int32_field(std::int32_t& value, std::string_view name) {
        space(name);
        value = in_.integer<std::int32_t>(name, ErrorKind::bad_message,
                                          std::numeric_limits<std::int32_t>::min(),
                                          std::numeric_limits<std::int32_t>::max());
    }
    void bool_field(bool& value, std::string_view name) {
        std::int32_t number = 0;
        int32_field(number, name);
        value = number != 0;
    }
    void fraction(double& value, std::string_view name) {
        space(name);
        value = in_.number(name, 0, 1);
    }
    void download(DownloadCursor& cursor) {
        unsigned_field(cursor.server_version, "download server version");
        unsigned_field(cursor.client_version, "download client version");
    }
    void latest(SaltedVersion& latest) {
        unsigned_field(latest.version, "latest server version");
        signed_field(latest.salt, "latest server version salt");
    }
    void upload(UploadCursor& cursor) {
        unsigned_field(cursor.client_version, "upload client version");
        unsigned_field(cursor.server_version, "upload server version");
    }
    void compression(Body& body) {
        bool_field(body.compressed, "compression flag");
        unsigned_field(body.uncompressed_size, "uncompressed size");
        unsigned_field(body.compressed_size, "compressed size");
    }

    void end() {
        if (!in_.failed() && !in_.skip('\n'))
            in_.fail(ErrorKind::bad_message, "A line feed must follow the last field of the head");
    }
    void string(std::string_view& value, std::uint64_t size, std::string_view name) {
        if (in_.failed())
            return;
        if (size > in_.remaining())
            in_.fail(ErrorKind::bad_message,
                     std::string(name) + " has fewer bytes than its size says");
        else
            value = in_.take(size);
    }
    // The rest of the message. Without compression the third number of the triple says nothing.
    void body(Body& body) {
        if (in_.failed())
            return;
        const std::uint64_t stated =
            body.compressed ? body.compressed_size : body.uncompressed_size;
        if (stated != in_.remaining())
            in_.fail(ErrorKind::bad_message, "The body has " + std::to_string(in_.remaining()) +
                                                 " bytes, its head says " + std::to_string(stated));
        else
            body.bytes = in_.take(stated);
    }

    bool failed() const { return in_.failed(); }
    void fail(ErrorKind kind, std::string message) { in_.fail(kind, std::move(message)); }

    template <class Message> Result<Message> finish(Message message) {
        if (!in_.failed() && !in_.at_end())
            in_.fail(ErrorKind::bad_message, "Bytes follow the end of the message");
        if (in_.failed())
            return std::move(in_.error());
        return message;
    }

  private:
    void space(std::string_view name) {
        if (!in_.failed() && !in_.skip(' '))
            in_.fail(ErrorKind::bad_message, "One space must precede " + std::string(name));
    }

    Reader in_;
};

Mark read_mark(Head& head) {
    Mark m;
    head.session(m.session);
    head.unsigned_field(m.request, "request ident");
    head.end();
    return m;
}

TestCommand read_test_command(Head& head) {
    TestCommand m;
    std::uint64_t size = 0;
    head.session(m.session);
    head.unsigned_field(m.request, "request ident");
    head.unsigned_field(size, "body size");
    head.end();
    head.string(m.body, size, "body");
    return m;
}

JsonError read_json_error(Head& head) {
    JsonError m;
    std::uint64_t size = 0;
    head.int32_field(m.code, "error code");
    head.unsigned_field(size, "body size");
    head.session(m.session);
    head.end();
    head.string(m.body, size, "body");
    return m;
}

Bind read_bind(Head& head) {
    Bind m;
    std::uint64_t data_size = 0, token_size = 0;
    head.session(m.session);
    head.unsigned_field(data_size, "data size");
    head.unsigned_field(token_size, "token size");
    head.bool_field(m.need_ident, "need client file ident");
    head.bool_field(m.is_subserver, "is subserver");
    head.end();
    head.string(m.data, data_size, "data");
    head.string(m.token, token_size, "token");
    return m;
}

ClientIdent read_client_ident(Head& head, Mode mode) {
    ClientIdent m;
    std::uint64_t size = 0;
    head.session(m.session);
    head.unsigned_field(m.file.ident, "client file ident");
    head.signed_field(m.file.salt, "client file ident salt");
    head.download(m.download);
    head.latest(m.latest);
    if (mode == Mode::flexible) {
        head.signed_field(m.query_version, "query version", 0);
        head.unsigned_field(size, "query size");
    }
    head.end();
    head.string(m.query, size, "query");
    return m;
}

Query read_query(Head& head) {
    Query m;
    std::uint64_t size = 0;
    head.session(m.session);
    head.signed_field(m.query_version, "query version", 0);
    head.unsigned_field(size, "query size");
    head.end();
    head.string(m.query, size, "query");
    return m;
}

Upload read_upload_head(Head& head) {
    Upload m;
    head.session(m.session);
    head.compression(m.body);
    head.upload(m.progress);
    head.unsigned_field(m.locked_server_version, "locked server version");
    head.end();
    return m;
}

Upload read_upload(Head& head) {
    Upload m = read_upload_head(head);
    head.body(m.body);
    return m;
}

Unbind read_unbind(Head& head) {
    Unbind m;
    head.session(m.session);
    head.end();
    return m;
}

Ping read_ping(Head& head) {
    Ping m;
    head.signed_field(m.timestamp, "timestamp");
    head.signed_field(m.round_trip, "round-trip time");
    head.end();
    return m;
}

ServerIdent read_server_ident(Head& head) {
    ServerIdent m;
    head.session(m.session);
    head.unsigned_field(m.file.ident, "client file ident");
    head.signed_field(m.file.salt, "client file ident salt");
    head.end();
    if (m.file.ident == 0 || m.file.salt == 0)
        head.fail(ErrorKind::bad_message, "A client file ident and its salt are never 0");
    return m;
}

// What the three FLX fields are depends on the version (section 2.3).
void read_flexible_progress(Head& head, Download& m, int version) {
    head.signed_field(m.query_version, "query version", 0);
    std::int32_t batch = 0;
    head.int32_field(batch, "batch state");
    if (version < 14)
        m.batch_state = batch != 0 ? BatchState::last_in_batch : BatchState::more_to_come;
    else if (batch < 0 || batch > 2)
        head.fail(ErrorKind::bad_message, "batch state is out of range");
    else
        m.batch_state = static_cast<BatchState>(batch);
    if (version < 12)
        head.signed_field(m.downloadable_bytes, "downloadable bytes", 0);
    else
        head.fraction(m.progress_estimate, "progress estimate");
}

Download read_download_head(Head& head, Mode mode, int version) {
    Download m;
    head.session(m.session);
    head.download(m.progress.download);
    head.latest(m.progress.latest);
    head.upload(m.progress.upload);
    if (mode == Mode::flexible)
        read_flexible_progress(head, m, version);
    else
        head.signed_field(m.downloadable_bytes, "downloadable bytes", 0);
    head.compression(m.body);
    head.end();
    return m;
}

Download read_download(Head& head, Mode mode, int version) {
    Download m = read_download_head(head, mode, version);
    head.body(m.body);
    return m;
}

Unbound read_unbound(Head& head) {
    Unbound m;
    head.session(m.session);
    head.end();
    return m;
}

Pong read_pong(Head& head) {
    Pong m;
    head.signed_field(m.timestamp, "timestamp");
    head.end();
    return m;
}

QueryError read_query_error(Head& head) {
    QueryError m;
    std::uint64_t size = 0;
    head.int32_field(m.code, "error code");
    head.unsigned_field(size, "message size");
    head.session(m.session);
    head.signed_field(m.query_version, "query version", 0);
    head.end();
    head.string(m.message, size, "message");
    return m;
}

LogMessage read_log_message(Head& head) {
    LogMessage m;
    std::uint64_t size = 0;
    head.session(m.session);
    head.unsigned_field(size, "body size");
    head.end();
    head.string(m.body, size, "body");
    return m;
}

PlainError read_plain_error(Head& head) {
    PlainError m;
    std::uint64_t size = 0;
    head.int32_field(m.code, "error code");
    head.unsigned_field(size, "message size");
    head.bool_field(m.try_again, "try again");
    head.session(m.session);
    head.end();
    head.string(m.message, size, "message");
    return m;
}

ClientMessage read_client_message(Head& head, std::string_view type, Mode mode) {
    if (type == "upload")
        return read_upload(head);
    if (type == "mark")
        return read_mark(head);
    if (type == "bind")
        return read_bind(head);
    if (type == "ident")
        return read_client_ident(head, mode);
    if (type == "unbind")
        return read_unbind(head);
    if (type == "ping")
        return read_ping(head);
    if (type == "query" && mode == Mode::flexible)
        return read_query(head);
    if (type == "json_error")
        return read_json_error(head);
    if (type == "test_command")
        return read_test_command(head);
    head.fail(ErrorKind::unknown_message, "Clients send no message of this type");
    return {};
}

ServerMessage read_server_message(Head& head, std::string_view type, Mode mode, int version) {
    if (type == "download")
        return read_download(head, mode, version);
    if (type == "mark")
        return read_mark(head);
    if (type == "ident")
        return read_server_ident(head);
    if (type == "unbound")
        return read_unbound(head);
    if (type == "pong")
        return read_pong(head);
    if (type == "log_message")
        return read_log_message(head);
    if (type == "json_error")
        return read_json_error(head);
    if (type == "error")
        return read_plain_error(head);
    if (type == "query_error" && mode == Mode::flexible)
        return read_query_error(head);
    if (type == "test_command")
        return read_test_command(head);
    head.fail(ErrorKind::unknown_message, "Servers send no message of this type");
    return {};
}

template <class Message, class Read> Result<Message> parse(std::string_view bytes, Read read) {
    Head head(bytes);
    const std::string_view type = head.type();
    Message message = read(head, type);
    return head.finish(std::move(message));
}

} // namespace

Result<ClientMessage> parse_client_message(std::string_view bytes, Mode mode) {
    return parse<ClientMessage>(bytes, [mode](Head& head, std::string_view type) {
        return read_client_message(head, type, mode);
    });
}

std::optional<Upload> parse_upload_head(std::string_view bytes) {
    Head head(bytes);
    if (head.type() != "upload")
        return std::nullopt;
    const Upload upload = read_upload_head(head);
    return head.failed() ? std::nullopt : std::optional(upload);
}

std::optional<Download> parse_download_head(std::string_view bytes, Mode mode, int version) {
    Head head(bytes);
    if (head.type() != "download")
        return std::nullopt;
    const Download download = read_download_head(head, mode, version);
    return head.failed() ? std::nullopt : std::optional(download);
}

Result<ServerMessage> parse_server_message(std::string_view bytes, Mode mode, int version) {
    return parse<ServerMessage>(bytes, [mode, version](Head& head, std::string_view type) {
        return read_server_message(head, type, mode, version);
    });
}

} // namespace realmsync::wire
