#include "wire/primary_key.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "base/varint.hpp"

namespace realmsync::wire {

namespace {

void append_integer(std::string& out, std::int64_t value) {
    char bytes[kMaxVarintSize];
    out.append(bytes, put_signed(bytes, value));
}

Error invalid(std::string message) {
    return {ErrorKind::bad_message, "Primary key: " + std::move(message)};
}

std::optional<std::int64_t> take_integer(std::string_view& in) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(in.data());
    const VarintRead read = read_varint<63>(begin, begin + in.size());
    if (read.after == nullptr)
        return std::nullopt;
    in.remove_prefix(static_cast<std::size_t>(read.after - begin));
    const auto magnitude = static_cast<std::int64_t>(read.magnitude);
    return read.negative ? ~magnitude : magnitude;
}

template <std::size_t N> bool take_bytes(std::string_view in, std::array<std::uint8_t, N>& out) {
    if (in.size() != N)
        return false;
    std::ranges::copy(in, out.begin());
    return true;
}

template <std::size_t N> void append(std::string& out, const std::array<std::uint8_t, N>& bytes) {
    out.append(bytes.begin(), bytes.end());
}

} // namespace

std::string encode_primary_key(const Key& key) {
    std::string out(1, static_cast<char>(key.type));
    switch (key.type) {
    case Type::null: break;
    case Type::integer: append_integer(out, key.integer); break;
    case Type::string:
        append_integer(out, static_cast<std::int64_t>(key.string.size()));
        out += key.string;
        break;
    case Type::object_id: append(out, key.object_id.bytes); break;
    case Type::uuid: append(out, key.uuid.bytes); break;
    default: throw std::logic_error("no type of a primary key that can be rejected");
    }
    return out;
}

Result<Key> decode_primary_key(std::string_view bytes) {
    if (bytes.empty())
        return invalid("empty");
    Key key;
    key.type = static_cast<Type>(bytes.front());
    std::string_view rest = bytes.substr(1);
    bool complete = false;
    switch (key.type) {
    case Type::null: complete = rest.empty(); break;
    case Type::integer:
        if (const auto number = take_integer(rest)) {
            key.integer = *number;
            complete = rest.empty();
        }
        break;
    case Type::string:
        if (const auto size = take_integer(rest)) {
            key.string = rest;
            complete = *size >= 0 && static_cast<std::uint64_t>(*size) == rest.size();
        }
        break;
    case Type::object_id: complete = take_bytes(rest, key.object_id.bytes); break;
    case Type::uuid: complete = take_bytes(rest, key.uuid.bytes); break;
    default: return invalid("type byte that no primary key has");
    }
    if (!complete)
        return invalid("not as long as its type says");
    return key;
}

} // namespace realmsync::wire
