#include "tables/columns.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/decimal.hpp"
#include "base/hex.hpp"
#include "model/text_forms.hpp"
#include "tables/json_form.hpp"

namespace realmsync::tables {

namespace {

[[noreturn]] void damaged(const model::Property& property) {
    corrupt("column " + property.column + " holds a value that is not one of its type");
}

template <class T> T need(std::optional<T> value, const model::Property& property) {
    if (!value)
        damaged(property);
    return std::move(*value);
}

template <class T> std::string_view raw(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

// What SQLite cannot keep as REAL: it makes NaN NULL and may drop the sign of zero.
bool fits_real(double value) { return !std::isnan(value) && !(value == 0 && std::signbit(value)); }

// 12 bytes whose byte order is the order of time.
void append_time(std::string& out, const Timestamp& time) {
    std::uint64_t seconds = static_cast<std::uint64_t>(time.seconds) ^ (std::uint64_t{1} << 63);
    std::uint32_t nanoseconds = static_cast<std::uint32_t>(time.nanoseconds) ^ (1u << 31);
    for (int shift = 56; shift >= 0; shift -= 8)
        out += static_cast<char>(seconds >> shift);
    for (int shift = 24; shift >= 0; shift -= 8)
        out += static_cast<char>(nanoseconds >> shift);
}

Timestamp time_from(std::string_view bytes, const model::Property& property) {
    if (bytes.size() != 12)
        damaged(property);
    std::uint64_t seconds = 0;
    std::uint32_t nanoseconds = 0;
    for (std::size_t i = 0; i < 8; i++)
        seconds = seconds << 8 | static_cast<unsigned char>(bytes[i]);
    for (std::size_t i = 8; i < 12; i++)
        nanoseconds = nanoseconds << 8 | static_cast<unsigned char>(bytes[i]);
    return {static_cast<std::int64_t>(seconds ^ (std::uint64_t{1} << 63)),
            static_cast<std::int32_t>(nanoseconds ^ (1u << 31))};
}

const char* sql_type(Type type) {
    switch (type) {
    case Type::integer:
    case Type::boolean: return "INTEGER";
    case Type::float32:
    case Type::float64: return "REAL";
    case Type::binary: return "BLOB";
    case Type::null: return ""; // Mixed: keeps whatever it is given
    default: return "TEXT";
    }
}

template <class T, class Bits>
T real_from(const sqlite::Statement& statement, int column, const model::Property& property) {
    if (statement.type(column) == sqlite::ColumnType::real)
        return static_cast<T>(statement.real(column));
    std::string_view bytes = statement.text(column);
    if (statement.type(column) != sqlite::ColumnType::blob || bytes.size() != sizeof(T))
        damaged(property);
    Bits bits;
    std::memcpy(&bits, bytes.data(), sizeof bits);
    return std::bit_cast<T>(bits);
}

model::Value mixed_from(const sqlite::Statement& statement, int column) {
    switch (statement.type(column)) {
    case sqlite::ColumnType::integer: return model::Value(statement.integer(column));
    case sqlite::ColumnType::real: return model::Value(statement.real(column));
    case sqlite::ColumnType::text: return model::Value(statement.string(column));
    case sqlite::ColumnType::blob: return mixed_from_json(statement.text(column));
    default: return {};
    }
}

void bind_mixed(sqlite::Statement& statement, int index, const model::Value& value,
                Scratch& scratch) {
    std::string& json = scratch.next();
    append_mixed_json(json, value);
    statement.bind(index, sqlite::Blob{json});
}

} // namespace

std::string quote(std::string_view name) {
    std::string quoted = "\"";
    for (char c : name) {
        quoted += c;
        if (c == '"')
            quoted += '"';
    }
    return quoted + '"';
}

std::string zero_literal(const model::Property& property) {
    switch (property.collection) {
    case Collection::list:
    case Collection::set: return "'[]'";
    case Collection::dictionary: return "'{}'";
    case Collection::single: break;
    }
    if (property.takes_null())
        return "NULL";
    switch (property.type) {
    case Type::string: return "''";
    case Type::binary: return "x''";
    case Type::timestamp: return "'" + *model::date_text({0, 0}) + "'";
    case Type::decimal: return "'0'";
    case Type::object_id: return "'" + format_object_id(ObjectId{}) + "'";
    case Type::uuid: return "'" + format_uuid(Uuid{}) + "'";
    case Type::float32:
    case Type::float64: return "0.0";
    default: return "0";
    }
}

std::string column_definition(const model::Property& property) {
    bool single = property.collection == Collection::single;
    Type type = single && property.is_link() && property.target_key_type == Type::integer
                    ? Type::integer
                    : property.type;
    std::string definition = single ? sql_type(type) : "TEXT";
    std::string zero = zero_literal(property);
    return zero == "NULL" ? definition : definition + " NOT NULL DEFAULT " + zero;
}

std::string key_definition(Type key_type, bool nullable) {
    return std::string(sql_type(key_type)) + (nullable ? " NOT NULL DEFAULT x''" : " NOT NULL");
}

void bind_key(sqlite::Statement& statement, int index, const Key& key, Scratch& scratch) {
    switch (key.type) {
    case Type::integer: statement.bind(index, key.integer); return;
    case Type::string: statement.bind(index, key.string); return;
    case Type::object_id:
        statement.bind(index, scratch.next() = format_object_id(key.object_id));
        return;
    case Type::uuid: statement.bind(index, scratch.next() = format_uuid(key.uuid)); return;
    case Type::global_key:
        statement.bind(index, scratch.next() = model::global_key_text(key.global));
        return;
    default: statement.bind(index, sqlite::Blob{}); // null
    }
}

void bind_scalar(sqlite::Statement& statement, int index, const model::Property& property,
                 const Scalar& value, Scratch& scratch) {
    switch (value.type) {
    case Type::null: statement.bind(index, sqlite::Null{}); return;
    case Type::integer: statement.bind(index, value.integer); return;
    case Type::string: statement.bind(index, value.bytes); return;
    case Type::float64:
        if (fits_real(value.float64)) {
            statement.bind(index, value.float64);
            return;
        }
        break;
    default: break;
    }
    if (property.type == kMixed) {
        bind_mixed(statement, index, model::Value(value), scratch);
        return;
    }
    switch (value.type) {
    case Type::boolean: statement.bind(index, value.boolean); return;
    case Type::binary: statement.bind(index, sqlite::Blob{value.bytes}); return;
    case Type::float32:
        if (fits_real(value.float32))
            statement.bind(index, static_cast<double>(value.float32));
        else
            statement.bind(index, sqlite::Blob{scratch.next() = raw(value.float32)});
        return;
    case Type::float64:
        statement.bind(index, sqlite::Blob{scratch.next() = raw(value.float64)});
        return;
    case Type::timestamp:
        if (auto text = model::date_text(value.timestamp)) {
            statement.bind(index, scratch.next() = std::move(*text));
        } else {
            bind_date_bytes(statement, index, value.timestamp, scratch);
        }
        return;
    case Type::decimal:
        if (auto text = model::decimal_text(value.decimal))
            statement.bind(index, scratch.next() = std::move(*text));
        else
            statement.bind(index, sqlite::Blob{scratch.next() = raw(value.decimal)});
        return;
    case Type::object_id:
        statement.bind(index, scratch.next() = format_object_id(value.object_id));
        return;
    case Type::uuid: statement.bind(index, scratch.next() = format_uuid(value.uuid)); return;
    case Type::link: bind_key(statement, index, value.link->key, scratch); return;
    default: damaged(property); // collections go through bind_value
    }
}

void bind_date_bytes(sqlite::Statement& statement, int index, const Timestamp& time,
                     Scratch& scratch) {
    std::string& bytes = scratch.next();
    append_time(bytes, time);
    statement.bind(index, sqlite::Blob{bytes});
}

void bind_value(sqlite::Statement& statement, int index, const model::Property& property,
                const model::Schema& schema, const model::Value& value, Scratch& scratch) {
    if (!value.is_container()) {
        LinkTarget target;
        bind_scalar(statement, index, property, value.view(target), scratch);
    } else if (property.type == kMixed && property.collection == Collection::single) {
        bind_mixed(statement, index, value, scratch);
    } else {
        std::string& json = scratch.next();
        append_json(json, value, property, schema);
        statement.bind(index, std::string_view(json));
    }
}

Key read_key(const sqlite::Statement& statement, int column, Type key_type) {
    static const model::Property kKey{.name = "", .column = "of a key"};
    Key key;
    if (statement.type(column) == sqlite::ColumnType::blob)
        return key;
    key.type = key_type;
    switch (key_type) {
    case Type::integer: key.integer = statement.integer(column); break;
    case Type::string: key.string = statement.text(column); break;
    case Type::object_id:
        key.object_id = need(parse_object_id(statement.text(column)), kKey);
        break;
    case Type::uuid: key.uuid = need(parse_uuid(statement.text(column)), kKey); break;
    default: key.global = need(model::global_key_from_text(statement.text(column)), kKey);
    }
    return key;
}

model::Value read_value(const sqlite::Statement& statement, int column,
                        const model::Property& property, const model::Schema& schema) {
    if (property.collection != Collection::single)
        return value_from_json(statement.text(column), property, schema);
    if (property.type == kMixed)
        return mixed_from(statement, column);
    const sqlite::ColumnType type = statement.type(column);
    if (type == sqlite::ColumnType::null)
        return {};
    if (property.is_embedded())
        return value_from_json(statement.text(column), property, schema);
    bool blob = type == sqlite::ColumnType::blob;
    switch (property.type) {
    case Type::integer: return model::Value(statement.integer(column));
    case Type::boolean: return model::Value(statement.integer(column) != 0);
    case Type::string: return model::Value(statement.string(column));
    case Type::binary: return model::Value(model::Binary{statement.string(column)});
    case Type::float32:
        return model::Value(real_from<float, std::uint32_t>(statement, column, property));
    case Type::float64:
        return model::Value(real_from<double, std::uint64_t>(statement, column, property));
    case Type::timestamp:
        return model::Value(blob ? time_from(statement.text(column), property)
                                 : need(model::date_from_text(statement.text(column)), property));
    case Type::decimal: {
        std::string_view text = statement.text(column);
        if (!blob)
            return model::Value(need(parse_decimal(text), property));
        if (text.size() != sizeof(Decimal128))
            damaged(property);
        Decimal128 decimal;
        std::memcpy(&decimal, text.data(), sizeof decimal);
        return model::Value(decimal);
    }
    case Type::object_id:
        return model::Value(need(parse_object_id(statement.text(column)), property));
    case Type::uuid: return model::Value(need(parse_uuid(statement.text(column)), property));
    case Type::link:
        return model::Value(std::make_unique<model::Link>(
            model::Link{property.target,
                        model::ObjectKey(read_key(statement, column, property.target_key_type))}));
    default: damaged(property);
    }
}

} // namespace realmsync::tables
