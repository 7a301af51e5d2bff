#include "model/value.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <functional>
#include <utility>

#include "base/decimal.hpp"
#include "base/hex.hpp"
#include "model/keys.hpp"

namespace realmsync::model {

namespace {

constexpr std::array kTypes = {Type::null,         Type::integer,   Type::boolean,    Type::string,
                               Type::binary,       Type::timestamp, Type::float32,    Type::float64,
                               Type::decimal,      Type::link,      Type::object_id,  Type::uuid,
                               Type::object_value, Type::list,      Type::dictionary, Type::set};

constexpr std::size_t index_of(Type type) {
    return static_cast<std::size_t>(std::find(kTypes.begin(), kTypes.end(), type) - kTypes.begin());
}

// Value::data and kTypes tell the same, alternative by alternative.
using Data = decltype(Value::data);
template <Type type, class T>
constexpr bool kHolds = std::is_same_v<std::variant_alternative_t<index_of(type), Data>, T>;
static_assert(kTypes.size() == std::variant_size_v<Data>);
static_assert(kHolds<Type::null, std::monostate> && kHolds<Type::integer, std::int64_t> &&
              kHolds<Type::boolean, bool> && kHolds<Type::string, std::string> &&
              kHolds<Type::binary, Binary> && kHolds<Type::timestamp, Timestamp> &&
              kHolds<Type::float32, float> && kHolds<Type::float64, double> &&
              kHolds<Type::decimal, Decimal128> && kHolds<Type::link, std::unique_ptr<Link>> &&
              kHolds<Type::object_id, ObjectId> && kHolds<Type::uuid, Uuid>);
static_assert(kHolds<Type::object_value, std::unique_ptr<Embedded>> &&
              kHolds<Type::list, std::unique_ptr<List>> &&
              kHolds<Type::dictionary, std::unique_ptr<Dictionary>> &&
              kHolds<Type::set, std::unique_ptr<Set>>);
static_assert(index_of(Type::object_value) == Value::kFirstContainer &&
              kTypes.size() == Value::kFirstContainer + 4);

template <class Alternative, class Wrapper> Alternative* pointee(Wrapper& data) {
    auto* pointer = std::get_if<std::unique_ptr<Alternative>>(&data);
    return pointer == nullptr ? nullptr : pointer->get();
}

template <class T> int order(const T& a, const T& b) { return a < b ? -1 : b < a ? 1 : 0; }

int order(std::string_view a, std::string_view b) {
    int result = a.compare(b);
    return result < 0 ? -1 : result > 0 ? 1 : 0;
}

// A finite number as 0.DIGITS * 10^point, exactly; zero has no digits.
struct Digits {
    bool negative = false;
    std::string digits;
    int point = 0;
};

void strip(Digits& number) {
    std::size_t leading = std::min(number.digits.find_first_not_of('0'), number.digits.size());
    number.digits.erase(0, leading);
    number.point -= static_cast<int>(leading);
    number.digits.erase(number.digits.find_last_not_of('0') + 1);
    if (number.digits.empty())
        number = {};
}

// From text: digits with a point somewhere and perhaps an exponent.
Digits digits(std::string_view text) {
    Digits number;
    number.negative = text.starts_with('-');
    text.remove_prefix(number.negative ? 1 : 0);
    std::size_t e = std::min(text.find_first_of("eE"), text.size());
    std::size_t point = std::min(text.find('.'), e);
    number.digits = text.substr(0, point);
    if (point < e)
        number.digits += text.substr(point + 1, e - point - 1);
    number.point = static_cast<int>(point);
    if (e < text.size())
        number.point += std::atoi(std::string(text.substr(e + 1)).c_str());
    strip(number);
    return number;
}

int order(const Digits& a, const Digits& b) {
    bool zero_a = a.digits.empty(), zero_b = b.digits.empty();
    int sign_a = zero_a ? 0 : a.negative ? -1 : 1, sign_b = zero_b ? 0 : b.negative ? -1 : 1;
    if (sign_a != sign_b)
        return order(sign_a, sign_b);
    if (sign_a == 0)
        return 0;
    int result = a.point != b.point ? order(a.point, b.point) : order(a.digits, b.digits);
    return sign_a * result;
}

bool is_number(Type type) {
    return type == Type::integer || type == Type::float32 || type == Type::float64 ||
           type == Type::decimal;
}

// -2: NaN, -1 and 1: infinite, 0: finite.
int special(const Value& value) {
    if (auto* decimal = std::get_if<Decimal128>(&value.data)) {
        bool negative = split_decimal(*decimal).negative;
        return is_nan(*decimal) ? -2 : is_special(*decimal) ? (negative ? -1 : 1) : 0;
    }
    double number = 0;
    if (auto* f = std::get_if<float>(&value.data))
        number = *f;
    else if (auto* d = std::get_if<double>(&value.data))
        number = *d;
    return std::isnan(number) ? -2 : std::isinf(number) ? (number < 0 ? -1 : 1) : 0;
}

template <class Bits, class T> int order_bits(const T& a, const T& b) {
    return order(std::bit_cast<Bits>(a), std::bit_cast<Bits>(b));
}

int order_nan(const Value& a, const Value& b) {
    if (a.type() != b.type())
        return order(a.type(), b.type());
    if (a.type() == Type::float32)
        return order_bits<std::uint32_t>(std::get<float>(a.data), std::get<float>(b.data));
    if (a.type() == Type::float64)
        return order_bits<std::uint64_t>(std::get<double>(a.data), std::get<double>(b.data));
    const auto &x = std::get<Decimal128>(a.data), &y = std::get<Decimal128>(b.data);
    return x.high != y.high ? order(x.high, y.high) : order(x.low, y.low);
}

double real(const Value& value) {
    auto* f = std::get_if<float>(&value.data);
    return f != nullptr ? *f : std::get<double>(value.data);
}

Digits digits(const Value& value) {
    switch (value.type()) {
    case Type::integer: return digits(std::to_string(std::get<std::int64_t>(value.data)));
    case Type::decimal: return digits(format_decimal(std::get<Decimal128>(value.data)));
    default: break;
    }
    char text[800]; // a double has at most 767 significant digits
    int size = std::snprintf(text, sizeof text, "%.770e", real(value));
    return digits(std::string_view(text, static_cast<std::size_t>(size)));
}

int compare_numbers(const Value& a, const Value& b) {
    auto *x = std::get_if<std::int64_t>(&a.data), *y = std::get_if<std::int64_t>(&b.data);
    if (x != nullptr && y != nullptr)
        return order(*x, *y);
    int special_a = special(a), special_b = special(b);
    if (special_a == -2 && special_b == -2)
        return order_nan(a, b);
    if (special_a != 0 || special_b != 0)
        return order(special_a, special_b);
    bool binary = a.type() != Type::decimal && b.type() != Type::decimal;
    if (binary && x == nullptr && y == nullptr)
        return order(real(a), real(b));
    return order(digits(a), digits(b));
}

int rank(Type type) {
    switch (type) {
    case Type::null: return 0;
    case Type::boolean: return 1;
    case Type::string: return 3;
    case Type::binary: return 4;
    case Type::timestamp: return 5;
    case Type::object_id: return 6;
    case Type::uuid: return 7;
    case Type::link: return 8;
    default: return is_number(type) ? 2 : 9;
    }
}

} // namespace

bool equal(const Key& a, const Key& b) { return compare(a, b) == 0; }

std::size_t hash(const Key& key) {
    auto bytes = [](const auto& value) {
        return std::hash<std::string_view>{}({reinterpret_cast<const char*>(&value), sizeof value});
    };
    switch (key.type) {
    case Type::integer: {
        // Fibonacci hashing: keys are often consecutive, or multiples of something.
        std::uint64_t mixed = static_cast<std::uint64_t>(key.integer) * 0x9E3779B97F4A7C15ULL;
        return static_cast<std::size_t>(mixed ^ (mixed >> 32));
    }
    case Type::string: return std::hash<std::string_view>{}(key.string);
    case Type::object_id: return bytes(key.object_id);
    case Type::uuid: return bytes(key.uuid);
    case Type::global_key: return bytes(key.global);
    default: return 0;
    }
}

Scalar key_scalar(const Key& key) {
    Scalar scalar;
    scalar.type = key.type;
    switch (key.type) {
    case Type::integer: scalar.integer = key.integer; break;
    case Type::string: scalar.bytes = key.string; break;
    case Type::object_id: scalar.object_id = key.object_id; break;
    case Type::uuid: scalar.uuid = key.uuid; break;
    default: scalar.type = Type::null; // GlobalKeys are no values
    }
    return scalar;
}

std::string to_text(const Key& key) {
    switch (key.type) {
    case Type::integer: return std::to_string(key.integer);
    case Type::string: return '"' + std::string(key.string.substr(0, 100)) + '"';
    case Type::object_id: return format_object_id(key.object_id);
    case Type::uuid: return format_uuid(key.uuid);
    case Type::global_key:
        return std::to_string(key.global.hi) + "-" + std::to_string(key.global.lo);
    default: return "null";
    }
}

Value::Value(const Scalar& scalar) {
    switch (scalar.type) {
    case Type::integer: data = scalar.integer; break;
    case Type::boolean: data = scalar.boolean; break;
    case Type::string: data = std::string(scalar.bytes); break;
    case Type::binary: data = Binary{std::string(scalar.bytes)}; break;
    case Type::timestamp: data = scalar.timestamp; break;
    case Type::float32: data = scalar.float32; break;
    case Type::float64: data = scalar.float64; break;
    case Type::decimal: data = scalar.decimal; break;
    case Type::link:
        data = std::make_unique<Link>(
            Link{std::string(scalar.link->table), ObjectKey(scalar.link->key)});
        break;
    case Type::object_id: data = scalar.object_id; break;
    case Type::uuid: data = scalar.uuid; break;
    default: *this = empty(scalar.type); break;
    }
}

Value Value::empty(Type type) {
    Value value;
    switch (type) {
    case Type::list: value.data = std::make_unique<List>(); break;
    case Type::set: value.data = std::make_unique<Set>(); break;
    case Type::dictionary: value.data = std::make_unique<Dictionary>(); break;
    case Type::object_value: value.data = std::make_unique<Embedded>(); break;
    default: break;
    }
    return value;
}

Type Value::type() const { return kTypes[data.index()]; }
List* Value::list() { return pointee<List>(data); }
Set* Value::set() { return pointee<Set>(data); }
Dictionary* Value::dictionary() { return pointee<Dictionary>(data); }
Embedded* Value::embedded() { return pointee<Embedded>(data); }
const Link* Value::link() const { return pointee<Link>(const_cast<Value*>(this)->data); }

Scalar Value::view(LinkTarget& scratch) const {
    Scalar scalar;
    scalar.type = type();
    switch (scalar.type) {
    case Type::integer: scalar.integer = std::get<std::int64_t>(data); break;
    case Type::boolean: scalar.boolean = std::get<bool>(data); break;
    case Type::string: scalar.bytes = std::get<std::string>(data); break;
    case Type::binary: scalar.bytes = std::get<Binary>(data).bytes; break;
    case Type::timestamp: scalar.timestamp = std::get<Timestamp>(data); break;
    case Type::float32: scalar.float32 = std::get<float>(data); break;
    case Type::float64: scalar.float64 = std::get<double>(data); break;
    case Type::decimal: scalar.decimal = std::get<Decimal128>(data); break;
    case Type::link:
        scratch = {link()->table, link()->key.view()};
        scalar.link = &scratch;
        break;
    case Type::object_id: scalar.object_id = std::get<ObjectId>(data); break;
    case Type::uuid: scalar.uuid = std::get<Uuid>(data); break;
    default: break;
    }
    return scalar;
}

Value Value::clone() const {
    auto clone_all = [](const auto& from, auto& to) {
        to.reserve(from.size());
        for (const Value& item : from)
            to.push_back(item.clone());
    };
    Value copy = empty(type());
    if (const List* own_list = list()) {
        clone_all(own_list->items, copy.list()->items);
    } else if (const Set* own_set = set()) {
        clone_all(own_set->items, copy.set()->items);
    } else if (const Embedded* own_object = embedded()) {
        clone_all(own_object->properties, copy.embedded()->properties);
    } else if (const Dictionary* own_dictionary = dictionary()) {
        for (const auto& [key, item] : own_dictionary->items)
            copy.dictionary()->items.emplace_hint(copy.dictionary()->items.end(), key,
                                                  item.clone());
    } else {
        LinkTarget scratch;
        copy = Value(view(scratch));
    }
    return copy;
}

int compare(const Value& a, const Value& b) {
    Type type = a.type();
    if (int result = order(rank(type), rank(b.type())); result != 0)
        return result;
    switch (type) {
    case Type::boolean: return order(std::get<bool>(a.data), std::get<bool>(b.data));
    case Type::string: return order(std::get<std::string>(a.data), std::get<std::string>(b.data));
    case Type::binary: return order(std::get<Binary>(a.data).bytes, std::get<Binary>(b.data).bytes);
    case Type::timestamp: return order(std::get<Timestamp>(a.data), std::get<Timestamp>(b.data));
    case Type::object_id: return order(std::get<ObjectId>(a.data), std::get<ObjectId>(b.data));
    case Type::uuid: return order(std::get<Uuid>(a.data), std::get<Uuid>(b.data));
    case Type::link:
        if (int result = order(std::string_view(a.link()->table), b.link()->table); result != 0)
            return result;
        return compare(a.link()->key.view(), b.link()->key.view());
    default: return is_number(type) ? compare_numbers(a, b) : 0;
    }
}

} // namespace realmsync::model
