#include "wire/primary_key.hpp"

#include <algorithm>
#include <stdexcept>

#include "wire/reader.hpp"

namespace realmsync::wire {

namespace {

// Signed integers of changeset-format.md 2: seven bits a byte, low ones first, the last byte holds
// six and the sign; negative numbers are stored complemented.
void append_integer(std::string& out, std::int64_t value) {
    const std::uint64_t sign = value < 0 ? 0x40 : 0;
    std::uint64_t rest = static_cast<std::uint64_t>(value < 0 ? ~value : value);
    for (; rest >= 0x40; rest >>= 7)
        out += static_cast<char>(0x80 | (rest & 0x7F));
    out += static_cast<char>(rest | sign);
}

Error invalid(std::string message) {
    return {ErrorKind::bad_message, "Primary key: " + std::move(message)};
}

Result<std::int64_t> take_integer(std::string_view& in) {
    std::uint64_t value = 0;
    for (int shift = 0; !in.empty() && shift < 70; shift += 7) {
        const auto byte = static_cast<std::uint8_t>(in.front());
        in.remove_prefix(1);
        const bool last = (byte & 0x80) == 0;
        const std::uint64_t part = byte & (last ? 0x3Fu : 0x7Fu);
        if (shift == 63 && part != 0)
            return invalid("integer out of range");
        if (shift < 63)
            value |= part << shift;
        if (last) {
            const auto number = static_cast<std::int64_t>(value);
            return (byte & 0x40) != 0 ? ~number : number;
        }
    }
    return invalid("incomplete integer");
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
    case Type::integer: {
        auto number = take_integer(rest);
        if (!number)
            return number.error();
        key.integer = *number;
        complete = rest.empty();
        break;
    }
    case Type::string: {
        auto size = take_integer(rest);
        if (!size)
            return size.error();
        complete = *size >= 0 && static_cast<std::uint64_t>(*size) == rest.size();
        key.string = rest;
        break;
    }
    case Type::object_id: complete = take_bytes(rest, key.object_id.bytes); break;
    case Type::uuid: complete = take_bytes(rest, key.uuid.bytes); break;
    default: return invalid("type byte that no primary key has");
    }
    if (!complete)
        return invalid("not as long as its type says");
    return key;
}

} // namespace realmsync::wire
