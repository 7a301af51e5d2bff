// Messages to bytes (wire-protocol.md sections 5, 8, 9 and 10).
#include "wire/format.hpp"

#include <charconv>
#include <concepts>
#include <stdexcept>

#include "wire/error_code.hpp"

namespace realmsync::wire {

namespace {

// Builds one message: type word, fields with one space before each, line feed, body.
class Writer {
  public:
    explicit Writer(std::string_view type, std::size_t body_size = 0) {
        bytes_.reserve(128 + body_size);
        bytes_ = type;
    }

    Writer& field(std::integral auto value) {
        if constexpr (std::same_as<decltype(value), bool>)
            return number(static_cast<int>(value));
        else
            return number(value);
    }
    Writer& field(double value) { return number(value); }
    Writer& field(const FileIdent& file) { return field(file.ident).field(file.salt); }
    Writer& field(const DownloadCursor& c) {
        return field(c.server_version).field(c.client_version);
    }
    Writer& field(const UploadCursor& c) { return field(c.client_version).field(c.server_version); }
    Writer& field(const SaltedVersion& v) { return field(v.version).field(v.salt); }
    Writer& compression(const Body& body) {
        return field(body.compressed).field(body.uncompressed_size).field(body.compressed_size);
    }

    Writer& end() {
        bytes_ += '\n';
        return *this;
    }
    Writer& body(std::string_view body) {
        bytes_ += body;
        return *this;
    }
    std::string done() { return std::move(bytes_); }

  private:
    template <class T> Writer& number(T value) {
        char text[32];
        const auto [end, code] = std::to_chars(text, text + sizeof text, value);
        bytes_ += ' ';
        bytes_.append(text, end);
        return *this;
    }

    std::string bytes_;
};

void refuse_lethal(std::int32_t code) {
    const CodeInfo* info = find_code(code);
    if (info != nullptr && info->lethal)
        throw std::logic_error("error code " + std::to_string(code) +
                               " terminates the client's process and must never be sent");
}

} // namespace

std::string format(const Bind& m) {
    return Writer("bind", m.data.size() + m.token.size())
        .field(m.session)
        .field(m.data.size())
        .field(m.token.size())
        .field(m.need_ident)
        .field(m.is_subserver)
        .end()
        .body(m.data)
        .body(m.token)
        .done();
}

std::string format(const ClientIdent& m, Mode mode) {
    Writer out("ident", m.query.size());
    out.field(m.session).field(m.file).field(m.download).field(m.latest);
    if (mode == Mode::flexible)
        return out.field(m.query_version).field(m.query.size()).end().body(m.query).done();
    return out.end().done();
}

std::string format(const Query& m) {
    return Writer("query", m.query.size())
        .field(m.session)
        .field(m.query_version)
        .field(m.query.size())
        .end()
        .body(m.query)
        .done();
}

std::string format(const Upload& m) {
    return Writer("upload", m.body.bytes.size())
        .field(m.session)
        .compression(m.body)
        .field(m.progress)
        .field(m.locked_server_version)
        .end()
        .body(m.body.bytes)
        .done();
}

std::string format(const Mark& m) {
    return Writer("mark").field(m.session).field(m.request).end().done();
}

std::string format(const Unbind& m) { return Writer("unbind").field(m.session).end().done(); }

std::string format(const Ping& m) {
    return Writer("ping").field(m.timestamp).field(m.round_trip).end().done();
}

std::string format(const TestCommand& m) {
    return Writer("test_command", m.body.size())
        .field(m.session)
        .field(m.request)
        .field(m.body.size())
        .end()
        .body(m.body)
        .done();
}

std::string format(const JsonError& m) {
    refuse_lethal(m.code);
    return Writer("json_error", m.body.size())
        .field(m.code)
        .field(m.body.size())
        .field(m.session)
        .end()
        .body(m.body)
        .done();
}

std::string format(const ServerIdent& m) {
    return Writer("ident").field(m.session).field(m.file).end().done();
}

std::string format(const Download& m, Mode mode, int version) {
    Writer out("download", m.body.bytes.size());
    out.field(m.session).field(m.progress.download).field(m.progress.latest);
    out.field(m.progress.upload);
    if (mode == Mode::partition) {
        out.field(m.downloadable_bytes);
    } else {
        out.field(m.query_version);
        if (version < 14)
            out.field(m.batch_state != BatchState::more_to_come);
        else
            out.field(static_cast<int>(m.batch_state));
        if (version < 12)
            out.field(m.downloadable_bytes);
        else if (m.progress_estimate >= 0 && m.progress_estimate <= 1)
            out.field(m.progress_estimate);
        else // nan fails an assertion of the client
            throw std::logic_error("a progress estimate is a number from 0 to 1");
    }
    return out.compression(m.body).end().body(m.body.bytes).done();
}

std::string format(const Unbound& m) { return Writer("unbound").field(m.session).end().done(); }

std::string format(const Pong& m) { return Writer("pong").field(m.timestamp).end().done(); }

std::string format(const QueryError& m) {
    refuse_lethal(m.code);
    return Writer("query_error", m.message.size())
        .field(m.code)
        .field(m.message.size())
        .field(m.session)
        .field(m.query_version)
        .end()
        .body(m.message)
        .done();
}

std::string format(const LogMessage& m) {
    return Writer("log_message", m.body.size())
        .field(m.session)
        .field(m.body.size())
        .end()
        .body(m.body)
        .done();
}

std::string format(const PlainError& m) {
    refuse_lethal(m.code);
    if (m.code == static_cast<std::int32_t>(Code::compensating_write) ||
        m.code == static_cast<std::int32_t>(Code::schema_version_changed))
        throw std::logic_error("error code " + std::to_string(m.code) +
                               " has no plain form: the client needs its further keys");
    return Writer("error", m.message.size())
        .field(m.code)
        .field(m.message.size())
        .field(m.try_again)
        .field(m.session)
        .end()
        .body(m.message)
        .done();
}

std::string format(const ClientMessage& message, Mode mode) {
    return std::visit(
        [mode]<class M>(const M& m) {
            if constexpr (std::same_as<M, ClientIdent>)
                return format(m, mode);
            else
                return format(m);
        },
        message);
}

std::string format(const ServerMessage& message, Mode mode, int version) {
    return std::visit(
        [mode, version]<class M>(const M& m) {
            if constexpr (std::same_as<M, Download>)
                return format(m, mode, version);
            else
                return format(m);
        },
        message);
}

} // namespace realmsync::wire
