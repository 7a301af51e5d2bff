// Bytes to instructions: changeset-format.md sections 2 to 9. Reads with local cursors so that
// they stay in registers, takes one-byte integers without a call and allocates only by growing the
// flat arrays of the result. Faults leave by exception to the entry points, which return them.
#include "changeset/codec.hpp"

#include <algorithm>
#include <cstring>

#include "base/decimal.hpp"
#include "base/utf8.hpp"
#include "base/varint.hpp"
#include "changeset/string_set.hpp"

namespace realmsync::changeset {

namespace {

using Byte = std::uint8_t;

// Message cores of section 9; the reference's where it has one.
constexpr const char* kBadInteger = "bad changeset - integer decoding failure";
constexpr const char* kBadCoefficient = "bad changeset - decimal decoding failure";
constexpr const char* kTruncated = "truncated input";
constexpr const char* kTooLong = "string too long";
constexpr const char* kUndefined = "Invalid interned string";

constexpr std::uint64_t kDefineString = 63; // the one item that is no instruction
constexpr std::int64_t kStringStep = -1;    // path element: a name follows
constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr std::uint64_t kMaxIndex = 0xffff'ffff;
constexpr std::size_t kSmall = 4096;          // bytes of an input
constexpr std::size_t kNameMemory = 100;      // bytes of a name, with its place in StringSet
constexpr std::size_t kMaxSize = 0xffff'ffff; // slices of the side arrays are 32-bit

// The unread rest of the input. Always a local variable whose address is not kept.
struct Cursor {
    const Byte* at;
    const Byte* end;
    std::size_t left() const { return static_cast<std::size_t>(end - at); }
};

class Parser {
  public:
    Parser(std::string_view bytes, std::size_t memory, Changeset& out)
        : begin_(reinterpret_cast<const Byte*>(bytes.data())), memory_(memory), out_(out) {}

    void parse_all(std::size_t size) {
        if (size > kMaxSize)
            fail("changeset too large", begin_);
        Cursor c{begin_, begin_ + size};
        // Typical instructions take 16 bytes and more: most inputs need one allocation. Small
        // inputs are kept by the thousand, and few of their bytes may be instructions.
        out_.instructions.reserve(size < kSmall
                                      ? std::min<std::size_t>(size / 16 + 1, 4)
                                      : std::min(size, memory_ / sizeof(Instruction)) / 16 + 1);
        while (c.at != c.end) {
            const Byte* start = c.at;
            std::uint64_t code = read_code(c);
            if (code <= static_cast<std::uint64_t>(Op::set_erase)) {
                Instruction& i = append(c.left());
                i.op = static_cast<Op>(code);
                parse_fields(c, i);
            } else if (code == kDefineString) {
                c = define_string(c);
            } else {
                fail_code(code, start);
            }
        }
    }

  private:
    [[noreturn, gnu::cold, gnu::noinline]] void fail(const char* core, const Byte* at) const {
        fail(std::string{core}, at);
    }
    [[noreturn, gnu::cold, gnu::noinline]] void fail(std::string core, const Byte* at) const {
        auto offset = at - begin_;
        core += " (at byte " + std::to_string(offset) + ")";
        raise(ErrorKind::bad_changeset, std::move(core), offset);
    }

    // One more zeroed instruction. The array never grows beyond what the rest of the input can
    // hold: no instruction is shorter than two bytes.
    [[gnu::always_inline]] Instruction& append(std::size_t left) {
        auto& all = out_.instructions;
        if (all.size() == all.capacity()) [[unlikely]]
            grow(left);
        return all.emplace_back();
    }
    [[gnu::noinline]] void grow(std::size_t left) {
        auto& all = out_.instructions;
        check_memory();
        all.reserve(all.size() + 1 + std::min(all.size() + 16, left / 2));
    }
    // Before an array grows: all of them as they are.
    void check_memory() const {
        const std::size_t memory = out_.instructions.size() * sizeof(Instruction) +
                                   out_.paths.size() * sizeof(PathElement) +
                                   out_.strings.size() * kNameMemory +
                                   out_.links.size() * sizeof(Link);
        if (memory > memory_)
            raise(ErrorKind::limit_exceeded, "A changeset of more than " +
                                                 std::to_string(memory_ / sizeof(Instruction)) +
                                                 " instructions");
    }

    // -- integers --------------------------------------------------------------------------------

    // An unsigned integer. The reference lets a sign flag pass by wrapping around, which the check
    // of the value then mostly refuses; `negative` is the fault to report in its place.
    template <int kBits>
    [[gnu::always_inline]] std::uint64_t read_unsigned(Cursor& c, const char* negative) const {
        if (c.at != c.end && *c.at < 0x40) [[likely]]
            return *c.at++;
        return read_long_unsigned<kBits>(c, negative);
    }
    template <int kBits>
    [[gnu::always_inline]] std::uint64_t read_long_unsigned(Cursor& c, const char* negative) const {
        VarintRead read = read_long<kBits>(c.at, c.end);
        if (!read.after || (read.negative && read.magnitude == 0)) [[unlikely]]
            fail(kBadInteger, c.at);
        if (read.negative) [[unlikely]]
            fail(negative, c.at);
        c.at = read.after;
        return read.magnitude;
    }
    template <int kBits> [[gnu::always_inline]] std::int64_t read_signed(Cursor& c) const {
        if (c.at != c.end && *c.at < 0x80) [[likely]] {
            std::int64_t data = *c.at & 0x3f;
            return *c.at++ & 0x40 ? ~data : data;
        }
        VarintRead read = read_long<kBits>(c.at, c.end);
        if (!read.after) [[unlikely]]
            fail(kBadInteger, c.at);
        c.at = read.after;
        return static_cast<std::int64_t>(read.negative ? ~read.magnitude : read.magnitude);
    }
    template <int kBits>
    [[gnu::noinline]] static VarintRead read_long(const Byte* at, const Byte* end) {
        return read_varint<kBits>(at, end);
    }

    [[gnu::always_inline]] std::uint32_t read_u32(Cursor& c) const {
        return static_cast<std::uint32_t>(read_unsigned<32>(c, kBadInteger));
    }
    [[gnu::always_inline]] bool read_bool(Cursor& c) const {
        const Byte* start = c.at;
        std::uint64_t value = read_unsigned<8>(c, "boolean is neither 0 nor 1");
        if (value > 1) [[unlikely]]
            fail("boolean is neither 0 nor 1", start);
        return value != 0;
    }

    // The code of an item. A sign flag gives the huge number that the reference reports.
    [[gnu::always_inline]] std::uint64_t read_code(Cursor& c) const {
        if (*c.at < 0x40) [[likely]]
            return *c.at++;
        VarintRead read = read_long<64>(c.at, c.end);
        if (!read.after || (read.negative && read.magnitude == 0)) [[unlikely]]
            fail(kBadInteger, c.at);
        if (read.negative) [[unlikely]]
            fail_code(~read.magnitude, c.at);
        c.at = read.after;
        return read.magnitude;
    }
    [[noreturn, gnu::cold, gnu::noinline]] void fail_code(std::uint64_t code,
                                                          const Byte* at) const {
        fail("Unknown instruction type: " + std::to_string(code), at);
    }

    // -- strings ---------------------------------------------------------------------------------

    [[gnu::always_inline]] std::string_view read_bytes(Cursor& c, std::uint64_t size) const {
        if (size > c.left()) [[unlikely]]
            fail(kTruncated, c.at);
        std::string_view bytes{reinterpret_cast<const char*>(c.at), size};
        c.at += size;
        return bytes;
    }
    [[gnu::always_inline]] std::string_view read_string(Cursor& c) const {
        const Byte* start = c.at;
        std::uint64_t size = read_unsigned<64>(c, kTooLong);
        if (size > kMaxStringSize) [[unlikely]]
            fail(kTooLong, start);
        start = c.at;
        std::string_view text = read_bytes(c, size);
        if (std::size_t valid = utf8_valid_prefix(text); valid != text.size()) [[unlikely]]
            fail("string is not UTF-8", start + valid);
        return text;
    }

    // Takes and returns the cursor by value: definitions are rare.
    [[gnu::noinline]] Cursor define_string(Cursor c) {
        const Byte* start = c.at;
        VarintRead index = read_long<32>(c.at, c.end);
        if (!index.after || (index.negative && index.magnitude == 0))
            fail(kBadInteger, start);
        if (index.negative || index.magnitude != out_.strings.size()) {
            std::uint64_t value = index.negative ? ~index.magnitude : index.magnitude;
            fail("Unexpected intern index: " + std::to_string(static_cast<std::uint32_t>(value)),
                 start);
        }
        c.at = index.after;
        start = c.at;
        std::string_view name = read_string(c);
        if (out_.strings.size() == out_.strings.capacity())
            check_memory();
        out_.strings.push_back(name);
        if (!names_.insert(out_.strings))
            fail("Unexpected intern string: " + excerpt(name), start);
        return c;
    }

    // At most the first 60 bytes of a message's string, cut between characters.
    static std::string excerpt(std::string_view name) {
        constexpr std::size_t kMax = 60;
        if (name.size() <= kMax)
            return std::string{name};
        std::string_view head = name.substr(0, kMax);
        return std::string{head.substr(0, utf8_valid_prefix(head))} + "...";
    }

    [[gnu::always_inline]] StringId read_name(Cursor& c) const {
        const Byte* start = c.at;
        std::uint64_t id = read_unsigned<32>(c, kUndefined);
        if (id >= out_.strings.size()) [[unlikely]]
            fail(kUndefined, start);
        return static_cast<StringId>(id);
    }

    // -- types, keys, paths, payloads ------------------------------------------------------------

    [[gnu::always_inline]] Type read_type(Cursor& c) const {
        const Byte* start = c.at;
        std::int64_t code = read_signed<63>(c);
        if (code < static_cast<int>(Type::set) || code > static_cast<int>(Type::uuid)) [[unlikely]]
            fail("Unsupported data type", start);
        return static_cast<Type>(code);
    }

    template <std::size_t kSize> [[gnu::always_inline]] void read_fixed(Cursor& c, void* to) const {
        if (c.left() < kSize) [[unlikely]]
            fail(kTruncated, c.at);
        std::memcpy(to, c.at, kSize);
        c.at += kSize;
    }

    [[gnu::always_inline]] void read_key(Cursor& c, Type& type, KeyData& key) const {
        const Byte* start = c.at;
        type = read_type(c);
        switch (type) {
        case Type::null: break;
        case Type::integer: key.integer = read_signed<63>(c); break;
        case Type::string: key.string = read_name(c); break;
        case Type::object_id: read_fixed<12>(c, &key.object_id); break;
        case Type::uuid: read_fixed<16>(c, &key.uuid); break;
        case Type::global_key:
            key.global.hi = read_unsigned<64>(c, kBadInteger);
            key.global.lo = read_unsigned<64>(c, kBadInteger);
            break;
        default: fail("Unsupported object key type", start);
        }
    }

    [[gnu::always_inline]] void read_path(Cursor& c, Instruction& i) {
        std::uint32_t count = read_u32(c);
        if (count == 0) [[likely]]
            return;
        i.path_begin = static_cast<std::uint32_t>(out_.paths.size());
        i.path_size = count;
        c = read_steps(c, count);
    }
    // `count` is the sender's claim: the array grows by what is really there.
    [[gnu::noinline]] Cursor read_steps(Cursor c, std::uint32_t count) {
        for (; count != 0; --count) {
            const Byte* start = c.at;
            if (out_.paths.size() == out_.paths.capacity()) [[unlikely]]
                check_memory();
            std::int64_t index = read_signed<63>(c);
            if (index == kStringStep)
                out_.paths.push_back({true, read_name(c)});
            else if (index >= 0 && static_cast<std::uint64_t>(index) <= kMaxIndex)
                out_.paths.push_back({false, static_cast<std::uint32_t>(index)});
            else
                fail("invalid path element: " + std::to_string(index), start);
        }
        return c;
    }

    [[gnu::always_inline]] void read_value(Cursor& c, Instruction& i) {
        const Byte* start = c.at;
        Type type = read_type(c);
        i.value_type = type;
        ValueData& value = i.value;
        switch (type) {
        case Type::float64: read_fixed<8>(c, &value.float64); break;
        case Type::string: {
            std::string_view text = read_string(c);
            value.string = {text.data(), text.size()};
            break;
        }
        case Type::integer: value.integer = read_signed<63>(c); break;
        case Type::boolean: value.boolean = read_bool(c); break;
        case Type::object_id: read_fixed<12>(c, &value.object_id); break;
        case Type::uuid: read_fixed<16>(c, &value.uuid); break;
        case Type::float32: read_fixed<4>(c, &value.float32); break;
        case Type::timestamp: value.timestamp = read_timestamp(c); break;
        case Type::binary: {
            std::string_view bytes = read_bytes(c, read_unsigned<64>(c, kTruncated));
            value.string = {bytes.data(), bytes.size()};
            break;
        }
        case Type::decimal: c = read_decimal(c, value.decimal); break;
        case Type::link: c = read_link(c, value.link); break;
        case Type::global_key: fail("Unsupported payload data type", start);
        default: break; // markers have no data
        }
    }

    [[gnu::always_inline]] Timestamp read_timestamp(Cursor& c) const {
        std::int64_t seconds = read_signed<63>(c);
        const Byte* start = c.at;
        std::int64_t nanos = read_signed<63>(c);
        bool same_sign = (seconds >= 0 && nanos >= 0) || (seconds <= 0 && nanos <= 0);
        if (nanos <= -kNanosPerSecond || nanos >= kNanosPerSecond || !same_sign)
            fail("timestamp out of range", start);
        return {seconds, static_cast<std::int32_t>(nanos)};
    }

    [[gnu::noinline]] Cursor read_decimal(Cursor c, Decimal128& decimal) const {
        const Byte* start = c.at;
        CoefficientRead coefficient = read_coefficient(c.at, c.end);
        if (!coefficient.after)
            fail(kBadCoefficient, start);
        c.at = coefficient.after;
        const Byte* exponent_start = c.at;
        std::int64_t exponent = read_signed<31>(c);
        if (exponent < kMinDecimalExponent || exponent > kMaxDecimalExponent)
            fail("decimal exponent out of range", exponent_start);
        bool negative = read_signed<31>(c) != 0;
        decimal = join_decimal({coefficient.value, static_cast<int>(exponent), negative});
        if (decimal == kNullDecimal)
            fail("decimal is the reserved mark of null", start);
        return c;
    }

    [[gnu::noinline]] Cursor read_link(Cursor c, std::uint32_t& index) {
        Link link{};
        link.table = read_name(c);
        read_key(c, link.key_type, link.key);
        index = static_cast<std::uint32_t>(out_.links.size());
        out_.links.push_back(link);
        return c;
    }

    [[gnu::always_inline]] Collection read_collection(Cursor& c) const {
        const Byte* start = c.at;
        std::uint64_t code = read_unsigned<8>(c, "Unsupported collection type");
        if (code > static_cast<std::uint64_t>(Collection::set))
            fail("Unsupported collection type", start);
        return static_cast<Collection>(code);
    }

    // -- instructions ----------------------------------------------------------------------------

    // Class, object, field, path.
    [[gnu::always_inline]] void read_address(Cursor& c, Instruction& i) {
        i.table = read_name(c);
        read_key(c, i.key_type, i.key);
        i.field = read_name(c);
        read_path(c, i);
    }

    [[gnu::always_inline]] void read_array_address(Cursor& c, Instruction& i, const char* fault) {
        read_address(c, i);
        if (!out_.addresses_element(i))
            fail(fault, c.at);
    }

    [[gnu::always_inline]] void parse_fields(Cursor& c, Instruction& i) {
        switch (i.op) {
        case Op::update:
            read_address(c, i);
            read_value(c, i);
            if (out_.addresses_element(i))
                i.prior_size = read_u32(c);
            else
                i.is_default = read_bool(c);
            break;
        case Op::create_object:
        case Op::erase_object:
            i.table = read_name(c);
            read_key(c, i.key_type, i.key);
            break;
        default: c = parse_rare(c, i);
        }
    }

    [[gnu::noinline]] Cursor parse_rare(Cursor c, Instruction& i) {
        switch (i.op) {
        case Op::add_table: parse_add_table(c, i); break;
        case Op::add_column: parse_add_column(c, i); break;
        case Op::erase_table: i.table = read_name(c); break;
        case Op::erase_column:
            i.table = read_name(c);
            i.field = read_name(c);
            break;
        case Op::add_integer:
            read_address(c, i);
            i.value.integer = read_signed<63>(c);
            break;
        case Op::array_insert:
            read_array_address(c, i, "ArrayInsert without an index");
            read_value(c, i);
            i.prior_size = read_u32(c);
            break;
        case Op::array_move:
            read_array_address(c, i, "ArrayMove without an index");
            i.value.move_to = read_u32(c);
            i.prior_size = read_u32(c);
            break;
        case Op::array_erase:
            read_array_address(c, i, "ArrayErase without an index");
            i.prior_size = read_u32(c);
            break;
        case Op::clear:
            read_address(c, i);
            i.collection = read_collection(c);
            break;
        case Op::set_insert:
        case Op::set_erase:
            read_address(c, i);
            read_value(c, i);
            break;
        case Op::update:
        case Op::create_object:
        case Op::erase_object: break; // parse_fields
        }
        return c;
    }

    void parse_add_table(Cursor& c, Instruction& i) const {
        i.table = read_name(c);
        const Byte* start = c.at;
        std::uint64_t kind = read_unsigned<8>(c, "AddTable: unknown table type");
        if (kind > static_cast<std::uint64_t>(TableKind::asymmetric))
            fail("AddTable: unknown table type: Invalid table type: " + std::to_string(kind),
                 start);
        i.table_kind = static_cast<TableKind>(kind);
        if (i.table_kind == TableKind::embedded)
            return;
        i.field = read_name(c);
        start = c.at;
        i.value_type = read_type(c);
        if (!is_primary_key_type(i.value_type))
            fail("Invalid primary key type in AddTable: " +
                     std::to_string(static_cast<std::uint8_t>(i.value_type)),
                 start);
        i.nullable = read_bool(c);
    }

    void parse_add_column(Cursor& c, Instruction& i) const {
        i.table = read_name(c);
        i.field = read_name(c);
        i.value_type = read_type(c);
        i.nullable = read_bool(c);
        i.collection = read_collection(c);
        if (i.value_type == Type::link)
            i.value.target = read_name(c);
        if (i.collection == Collection::dictionary)
            i.key_type = read_type(c);
    }

    const Byte* begin_;
    const std::size_t memory_; // bytes that the result may take, about
    Changeset& out_;
    StringSet names_;
};

} // namespace

Result<Changeset> parse_borrowed(std::string_view bytes, std::size_t memory) {
    Changeset out;
    try {
        Parser(bytes, memory, out).parse_all(bytes.size());
    } catch (const ErrorException& e) {
        return e.error();
    }
    out.encoded_size = bytes.size();
    return out;
}

Result<Changeset> parse(std::shared_ptr<const std::string> bytes, std::size_t memory) {
    Result<Changeset> result = parse_borrowed(*bytes, memory);
    if (result)
        result->buffers.push_back(std::move(bytes));
    return result;
}

} // namespace realmsync::changeset
