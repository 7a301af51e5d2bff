// Arrow arrays as columns, through the C data interface and its PyCapsule protocol
// (arrow.apache.org/docs/format/CDataInterface.html): two plain structs, no Arrow library. Offsets
// and sizes of the arrays are the producer's word; types that do not fit are refused up front.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "base/decimal.hpp"
#include "base/error.hpp"
#include "bindings/bind.hpp"
#include "bindings/values/columns.hpp"

namespace py = pybind11;

extern "C" {
struct ArrowSchema {
    const char* format;
    const char* name;
    const char* metadata;
    std::int64_t flags;
    std::int64_t n_children;
    struct ArrowSchema** children;
    struct ArrowSchema* dictionary;
    void (*release)(struct ArrowSchema*);
    void* private_data;
};
struct ArrowArray {
    std::int64_t length;
    std::int64_t null_count;
    std::int64_t offset;
    std::int64_t n_buffers;
    std::int64_t n_children;
    const void** buffers;
    struct ArrowArray** children;
    struct ArrowArray* dictionary;
    void (*release)(struct ArrowArray*);
    void* private_data;
};
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream*, struct ArrowSchema*);
    int (*get_next)(struct ArrowArrayStream*, struct ArrowArray*);
    const char* (*get_last_error)(struct ArrowArrayStream*);
    void (*release)(struct ArrowArrayStream*);
    void* private_data;
};
}

namespace realmsync::bindings {

namespace {

// What a producer has handed over, released when the last column of it is gone.
struct Imported {
    ArrowSchema schema{};
    std::vector<ArrowArray> chunks;

    Imported() = default;
    Imported(const Imported&) = delete;
    ~Imported() {
        for (ArrowArray& chunk : chunks)
            if (chunk.release)
                chunk.release(&chunk);
        if (schema.release)
            schema.release(&schema);
    }
};

template <class T> T* pointer(const py::object& capsule, const char* name) {
    auto* result = static_cast<T*>(PyCapsule_GetPointer(capsule.ptr(), name));
    if (!result)
        throw py::error_already_set();
    return result;
}

std::shared_ptr<Imported> import(const py::object& source) {
    auto imported = std::make_shared<Imported>();
    if (py::hasattr(source, "__arrow_c_array__") && !py::hasattr(source, "__arrow_c_stream__")) {
        const py::tuple capsules = source.attr("__arrow_c_array__")();
        auto* schema = pointer<ArrowSchema>(capsules[0], "arrow_schema");
        auto* array = pointer<ArrowArray>(capsules[1], "arrow_array");
        imported->schema = *schema;
        schema->release = nullptr; // moved
        imported->chunks.push_back(*array);
        array->release = nullptr;
        return imported;
    }
    const py::object capsule = source.attr("__arrow_c_stream__")();
    auto* stream = pointer<ArrowArrayStream>(capsule, "arrow_array_stream");
    auto check = [&](int code) {
        if (code == 0)
            return;
        const char* text = stream->get_last_error(stream);
        raise_python("InvalidArgumentError",
                     std::string("the Arrow stream failed: ") + (text ? text : "no reason given"));
    };
    check(stream->get_schema(stream, &imported->schema));
    for (;;) {
        ArrowArray chunk{};
        check(stream->get_next(stream, &chunk));
        if (!chunk.release)
            break;
        imported->chunks.push_back(chunk);
    }
    return imported;
}

// One column of what was imported: the arrays themselves, or one child of each.
struct ArrowColumnSource {
    std::shared_ptr<Imported> owner;
    const ArrowSchema* schema;
    std::vector<const ArrowArray*> chunks;
    std::vector<std::int64_t> offsets; // of struct arrays, which their children do not know

    std::size_t size() const {
        std::int64_t size = 0;
        for (std::size_t i = 0; i < chunks.size(); ++i)
            size += chunks[i]->length - offsets[i];
        return static_cast<std::size_t>(size);
    }
};

ArrowColumnSource whole(std::shared_ptr<Imported> imported) {
    ArrowColumnSource source{imported, &imported->schema, {}, {}};
    for (const ArrowArray& chunk : imported->chunks) {
        source.chunks.push_back(&chunk);
        source.offsets.push_back(0);
    }
    return source;
}

py::dict columns_of(const py::object& table) {
    auto imported = import(table);
    if (std::string_view(imported->schema.format) != "+s")
        raise_python("InvalidArgumentError", "rows need an Arrow table or struct array");
    py::dict result;
    for (std::int64_t i = 0; i < imported->schema.n_children; ++i) {
        ArrowColumnSource source{imported, imported->schema.children[i], {}, {}};
        for (const ArrowArray& chunk : imported->chunks) {
            source.chunks.push_back(chunk.children[i]);
            source.offsets.push_back(chunk.offset);
        }
        result[py::str(source.schema->name)] = py::cast(std::move(source));
    }
    return result;
}

// Reads the values of one array of a scalar type.
class Values {
  public:
    Values(const ArrowSchema& schema, const ArrowArray& array)
        : format_(schema.format), array_(array) {
        if (schema.dictionary && array.dictionary)
            dictionary_ = std::make_unique<Values>(*schema.dictionary, *array.dictionary);
    }
    bool is_null(std::int64_t i) const {
        if (format_ == "n")
            return true;
        const auto* valid = static_cast<const std::uint8_t*>(array_.buffers[0]);
        return valid && !bit(valid, i + array_.offset);
    }
    std::int64_t integer(std::int64_t i) const {
        switch (format_[0]) {
        case 'c': return get<std::int8_t>(i);
        case 'C': return get<std::uint8_t>(i);
        case 's': return get<std::int16_t>(i);
        case 'S': return get<std::uint16_t>(i);
        case 'i': return get<std::int32_t>(i);
        case 'I': return get<std::uint32_t>(i);
        case 'L':
            if (get<std::uint64_t>(i) > INT64_MAX)
                raise(ErrorKind::out_of_bounds, "a number does not fit 64 bits");
            return get<std::int64_t>(i);
        case 't':
            if (format_ == "tdD")
                return get<std::int32_t>(i);
            [[fallthrough]];
        default: return get<std::int64_t>(i);
        }
    }
    // Little-endian, `bits` wide, of at most 34 digits; `scale` of them behind the point.
    Decimal128 decimal(std::int64_t i, int bits, int scale) const {
        const std::size_t size = static_cast<std::size_t>(bits) / 8;
        const auto* at = static_cast<const std::uint8_t*>(array_.buffers[1]) +
                         static_cast<std::size_t>(i + array_.offset) * size;
        const bool negative = at[size - 1] & 0x80;
        unsigned __int128 number = 0;
        for (std::size_t byte = std::min<std::size_t>(size, 16); byte-- > 0;)
            number = number << 8 | at[byte];
        if (negative && size < 16)
            number |= ~static_cast<unsigned __int128>(0) << bits;
        if (negative)
            number = -number;
        constexpr unsigned __int128 kTo17 = 100'000'000'000'000'000;
        const bool sticks_out = [&] {
            for (std::size_t byte = 16; byte < size; ++byte)
                if (at[byte] != (negative ? 0xff : 0))
                    return true;
            return number >= kTo17 * kTo17;
        }();
        if (sticks_out)
            raise(ErrorKind::limit_exceeded, "a decimal of a column has more than 34 digits");
        return join_decimal({static_cast<std::uint64_t>(number),
                             static_cast<std::uint64_t>(number >> 64), -scale, negative});
    }
    double real(std::int64_t i) const {
        if (format_ == "g")
            return get<double>(i);
        if (format_ == "f")
            return get<float>(i);
        if (format_ == "e")
            return half(get<std::uint16_t>(i));
        return static_cast<double>(integer(i)); // not by way of float, which is exact to 2^24 only
    }
    bool boolean(std::int64_t i) const {
        return bit(static_cast<const std::uint8_t*>(array_.buffers[1]), i + array_.offset);
    }
    std::string_view bytes(std::int64_t i) const {
        if (dictionary_)
            return dictionary_->bytes(integer(i));
        if (format_.starts_with("w:")) {
            const auto width = std::stoul(std::string(format_.substr(2)));
            return {static_cast<const char*>(array_.buffers[1]) +
                        static_cast<std::size_t>(i + array_.offset) * width,
                    width};
        }
        if (format_[0] == 'v') { // 16-byte views: size, then the bytes or prefix, buffer, offset
            struct View {
                std::int32_t size;
                char prefix[4];
                std::int32_t buffer, offset;
            };
            const auto* view = static_cast<const View*>(array_.buffers[1]) + i + array_.offset;
            const auto size = static_cast<std::size_t>(view->size);
            if (size <= 12)
                return {view->prefix, size};
            return {static_cast<const char*>(array_.buffers[2 + view->buffer]) + view->offset,
                    size};
        }
        const bool large = format_ == "U" || format_ == "Z";
        const auto begin = large ? get<std::int64_t>(i) : get<std::int32_t>(i);
        const auto end = large ? get<std::int64_t>(i + 1) : get<std::int32_t>(i + 1);
        return {static_cast<const char*>(array_.buffers[2]) + begin,
                static_cast<std::size_t>(end - begin)};
    }

    // Where the elements of a list lie in its child: of the lists with offsets and of fixed size.
    std::pair<std::int64_t, std::int64_t> elements(std::int64_t i) const {
        if (format_.starts_with("+w:")) {
            const std::int64_t size = std::stol(std::string(format_.substr(3)));
            return {(i + array_.offset) * size, (i + 1 + array_.offset) * size};
        }
        if (format_ == "+L")
            return {get<std::int64_t>(i), get<std::int64_t>(i + 1)};
        return {get<std::int32_t>(i), get<std::int32_t>(i + 1)};
    }
    const ArrowArray& array() const { return array_; }

  private:
    static double half(std::uint16_t bits) {
        const int exponent = bits >> 10 & 0x1f;
        const int digits = bits & 0x3ff;
        const double size = exponent == 0      ? std::ldexp(digits, -24)
                            : exponent != 0x1f ? std::ldexp(1024 + digits, exponent - 25)
                            : digits == 0      ? std::numeric_limits<double>::infinity()
                                               : std::numeric_limits<double>::quiet_NaN();
        return bits & 0x8000 ? -size : size;
    }
    static bool bit(const std::uint8_t* bits, std::int64_t i) { return bits[i / 8] >> (i % 8) & 1; }
    template <class T> T get(std::int64_t i) const {
        return static_cast<const T*>(array_.buffers[1])[i + array_.offset];
    }

    std::string_view format_;
    const ArrowArray& array_;
    std::unique_ptr<Values> dictionary_;
};

// What the values of a format are, and how their numbers are meant.
struct Meaning {
    Type type = Type::null; // null: nested, or nothing that Realm has
    std::int64_t unit = 0;  // of times: ticks per second; 0: days
    int bits = 0;           // of decimals
    int scale = 0;

    bool is_number() const {
        return type == Type::integer || type == Type::float32 || type == Type::float64;
    }
};

Meaning decimal_of(std::string_view format) { // d:precision,scale[,bits]
    Meaning decimal{Type::decimal, 0, 128, 0};
    const std::string text(format.substr(2));
    const auto first = text.find(','), second = text.find(',', first + 1);
    decimal.scale = std::stoi(text.substr(first + 1));
    if (second != text.npos)
        decimal.bits = std::stoi(text.substr(second + 1));
    return decimal;
}

Meaning meaning_of(std::string_view format) {
    if (format.size() == 1) {
        if (std::string_view("cCsSiIlL").find(format[0]) != std::string_view::npos)
            return {Type::integer};
        switch (format[0]) {
        case 'b': return {Type::boolean};
        case 'g': return {Type::float64};
        case 'e':
        case 'f': return {Type::float32};
        case 'u':
        case 'U': return {Type::string};
        case 'z':
        case 'Z': return {Type::binary};
        default: return {};
        }
    }
    if (format == "vu")
        return {Type::string};
    if (format == "vz" || format.starts_with("w:"))
        return {Type::binary};
    if (format == "tdD")
        return {Type::timestamp, 0};
    if (format == "tdm")
        return {Type::timestamp, 1'000};
    if (format.starts_with("ts"))
        return {Type::timestamp, format[2] == 's'   ? 1
                                 : format[2] == 'm' ? 1'000
                                 : format[2] == 'u' ? 1'000'000
                                                    : 1'000'000'000};
    return format.starts_with("d:") ? decimal_of(format) : Meaning{};
}

// A value that is not null, as a scalar of `type`, which its meaning fits.
Scalar scalar_at(const Values& values, std::int64_t i, const Meaning& meaning, Type type) {
    Scalar scalar;
    scalar.type = type;
    switch (type) {
    case Type::integer: scalar.integer = values.integer(i); break;
    case Type::boolean: scalar.boolean = values.boolean(i); break;
    case Type::float64: scalar.float64 = values.real(i); break;
    case Type::float32: scalar.float32 = static_cast<float>(values.real(i)); break;
    case Type::timestamp: {
        const std::int64_t ticks = values.integer(i);
        if (meaning.unit == 0)
            scalar.timestamp = {ticks * 86'400, 0};
        else
            scalar.timestamp = {
                ticks / meaning.unit,
                static_cast<std::int32_t>(ticks % meaning.unit * (1'000'000'000 / meaning.unit))};
        break;
    }
    case Type::decimal: scalar.decimal = values.decimal(i, meaning.bits, meaning.scale); break;
    case Type::object_id:
        std::memcpy(scalar.object_id.bytes.data(), values.bytes(i).data(), 12);
        break;
    case Type::uuid: std::memcpy(scalar.uuid.bytes.data(), values.bytes(i).data(), 16); break;
    default:
        scalar.bytes = values.bytes(i);
        if (scalar.bytes.size() > model::kMaxString)
            raise(ErrorKind::limit_exceeded, "a value of a column is longer than 16 MiB");
    }
    return scalar;
}

// A value of any format as Python has it: lists as lists, structs and maps as dicts.
py::object nested_at(const ArrowSchema& schema, const ArrowArray& array, std::int64_t i) {
    const std::string_view format = schema.format;
    const Values values(schema, array);
    // Structs and fixed-size lists have no data of their own; all but unions and nulls have bits.
    if (values.is_null(i))
        return py::none();
    if (format == "+s") {
        py::dict fields;
        for (std::int64_t c = 0; c < schema.n_children; ++c)
            fields[py::str(schema.children[c]->name)] =
                nested_at(*schema.children[c], *array.children[c], i + array.offset);
        return fields;
    }
    if (format == "+l" || format == "+L" || format == "+m" || format.starts_with("+w:")) {
        const auto [begin, end] = values.elements(i);
        py::list items;
        for (std::int64_t e = begin; e < end; ++e)
            items.append(nested_at(*schema.children[0], *array.children[0], e));
        if (format != "+m")
            return items;
        py::dict map; // its elements are structs of key and value
        for (py::handle item : items) {
            const py::list pair = py::reinterpret_borrow<py::dict>(item).attr("values")();
            map[pair[0]] = pair[1];
        }
        return map;
    }
    const Meaning meaning = meaning_of(schema.dictionary ? schema.dictionary->format : format);
    if (meaning.type == Type::null)
        raise_python("PropertyTypeError",
                     "An Arrow array of format '" + std::string(format) + "' has no Realm type");
    return from_value(model::Value(scalar_at(values, i, meaning, meaning.type)), meaning.type);
}

class ArrowColumn final : public Column {
  public:
    ArrowColumn(const DeclaredClass& cls, const DeclaredProperty& property,
                ArrowColumnSource source)
        : label_(Where{cls.name, property.label}.text()), nullable_(property.nullable),
          source_(std::move(source)), size_(source_.size()) {
        const ArrowSchema& schema = *source_.schema;
        const std::string_view format =
            schema.dictionary ? schema.dictionary->format : schema.format;
        for (std::size_t i = 0; i < source_.chunks.size(); ++i)
            chunks_.emplace_back(schema, *source_.chunks[i]);
        if (is_compound(property))
            return; // object_at alone is asked
        meaning_ = meaning_of(format);
        type_ = property.type == kMixed ? meaning_.type : property.type;
        const bool is_number_property =
            type_ == Type::integer || type_ == Type::float64 || type_ == Type::float32;
        const bool fits = format == "n" ||
                          (meaning_.type != Type::null && meaning_.type == type_) ||
                          (meaning_.is_number() && is_number_property) ||
                          (format == "w:12" && type_ == Type::object_id) ||
                          (format == "w:16" && type_ == Type::uuid);
        const bool is_text = meaning_.type == Type::string || meaning_.type == Type::binary;
        if (!fits || (schema.dictionary && !is_text))
            raise_python("PropertyTypeError", "An Arrow array of format '" + std::string(format) +
                                                  "' does not fit " + label_);
    }
    std::size_t size() const override { return size_; }
    Scalar at(std::size_t row) override {
        const std::int64_t i = find(row);
        const Values& values = chunks_[chunk_];
        if (values.is_null(i))
            return {};
        if (type_ == Type::integer && meaning_.type != Type::integer)
            return whole_number(values.real(i), nullable_, label_, row);
        return scalar_at(values, i, meaning_, type_);
    }
    py::object object_at(std::size_t row) override {
        const std::int64_t i = find(row);
        if (type_ != Type::null) {
            const Scalar scalar = at(row);
            return from_value(model::Value(scalar), type_);
        }
        return nested_at(*source_.schema, *source_.chunks[chunk_], i);
    }

  private:
    // Makes chunk_ that of a row, and gives the row's index there.
    std::int64_t find(std::size_t row) {
        if (row < first_) // rows are read in order; a new reader starts over
            chunk_ = first_ = 0;
        while (row - first_ >= length(chunk_))
            first_ += length(chunk_++);
        return static_cast<std::int64_t>(row - first_) + source_.offsets[chunk_];
    }
    std::size_t length(std::size_t chunk) const {
        return static_cast<std::size_t>(source_.chunks[chunk]->length - source_.offsets[chunk]);
    }

    Type type_ = Type::null;
    Meaning meaning_;
    const std::string label_;
    const bool nullable_;
    ArrowColumnSource source_;
    const std::size_t size_;
    std::vector<Values> chunks_;
    std::size_t chunk_ = 0, first_ = 0; // the chunk of the last row, and its first row
};

} // namespace

std::unique_ptr<Column> arrow_column(const DeclaredClass& cls, const DeclaredProperty& property,
                                     py::object array) {
    if (py::isinstance<ArrowColumnSource>(array))
        return std::make_unique<ArrowColumn>(cls, property, array.cast<ArrowColumnSource>());
    return std::make_unique<ArrowColumn>(cls, property, whole(import(array)));
}

void bind_arrow(py::module_& m) {
    py::class_<ArrowColumnSource>(m, "ArrowColumn").def("__len__", &ArrowColumnSource::size);
    m.def("arrow_columns", &columns_of);
    m.def("arrow_column", [](const py::object& array) { return whole(import(array)); });
}

} // namespace realmsync::bindings
