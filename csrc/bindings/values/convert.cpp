#include "bindings/values/convert.hpp"

#include <datetime.h>
#include <pybind11/stl.h>

#include <cmath>
#include <limits>

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

// Python types that conversions look at. Made once and never freed: they live as long as Python.
struct Types {
    py::object decimal128, object_id, uuid, decimal, timestamp, float32, object, embedded_object,
        collection, counter, mapping;
    py::object s_bid = py::str("bid"), s_binary = py::str("binary"), s_bytes = py::str("bytes"),
               s_seconds = py::str("seconds"), s_nanoseconds = py::str("nanoseconds");

    Types() {
        PyDateTime_IMPORT;
        auto bson = py::module_::import("bson");
        decimal128 = bson.attr("Decimal128");
        object_id = bson.attr("ObjectId");
        uuid = py::module_::import("uuid").attr("UUID");
        decimal = py::module_::import("decimal").attr("Decimal");
        auto values = py::module_::import("realmsync.values");
        timestamp = values.attr("Timestamp");
        float32 = values.attr("Float32");
        auto objects = py::module_::import("realmsync.model.objects");
        object = objects.attr("Object");
        embedded_object = objects.attr("EmbeddedObject");
        auto abc = py::module_::import("collections.abc");
        collection = py::module_::import("realmsync.model.containers").attr("Collection");
        counter = py::module_::import("realmsync.model.counter").attr("Counter");
        mapping = abc.attr("Mapping");
    }
};

const Types& types() {
    static const Types* all = new Types;
    return *all;
}

// PyDateTime_Check and its like read PyDateTimeAPI, which is null until PyDateTime_IMPORT has run:
// call this before them. It is free after the first time.
void import_datetime() { types(); }

bool is(py::handle value, const py::object& type) {
    return Py_TYPE(value.ptr()) == reinterpret_cast<PyTypeObject*>(type.ptr()) ||
           PyObject_IsInstance(value.ptr(), type.ptr()) == 1;
}

// A scalar of NumPy as Python's own: what comes out of arrays and data frames one by one. Other
// values as they are.
py::object without_numpy(py::handle value) {
    const std::string_view name = Py_TYPE(value.ptr())->tp_name;
    if (name.starts_with("numpy.") && py::hasattr(value, "item") && !py::hasattr(value, "__len__"))
        return value.attr("item")();
    return py::reinterpret_borrow<py::object>(value);
}

std::string type_name(py::handle value) { return Py_TYPE(value.ptr())->tp_name; }

[[noreturn]] void wrong_type(const Where& where, const char* expected, py::handle value) {
    raise_python("PropertyTypeError",
                 "Expected " + where.text() + " to be " + expected + ", got " + type_name(value));
}

[[noreturn]] void bad_value(const Where& where, const std::string& why) {
    raise_python("InvalidArgumentError", where.text() + ": " + why);
}

std::int64_t to_int64(py::handle value, const Where& where) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    if (overflow != 0)
        bad_value(where, "the number does not fit 64 bits");
    return number;
}

std::string_view binary(py::handle value, const Where& where, Scratch& scratch) {
    std::string_view bytes;
    if (PyBytes_Check(value.ptr())) {
        bytes = {PyBytes_AS_STRING(value.ptr()),
                 static_cast<std::size_t>(PyBytes_GET_SIZE(value.ptr()))};
    } else {
        Py_buffer buffer;
        if (PyObject_GetBuffer(value.ptr(), &buffer, PyBUF_FULL_RO) != 0) {
            PyErr_Clear();
            wrong_type(where, "bytes", value);
        }
        std::string& copy = scratch.strings.emplace_front(static_cast<std::size_t>(buffer.len), 0);
        const int failed = PyBuffer_ToContiguous(copy.data(), &buffer, buffer.len, 'C');
        PyBuffer_Release(&buffer);
        if (failed)
            throw py::error_already_set();
        bytes = copy;
    }
    if (bytes.size() > model::kMaxBinary)
        raise_python("LimitExceededError", where.text() + ": binary data may have at most " +
                                               std::to_string(model::kMaxBinary) + " bytes");
    return bytes;
}

// Days since 1970-01-01 in the proleptic Gregorian calendar.
std::int64_t days_from_civil(int year, int month, int day) {
    year -= month <= 2;
    const int era = (year >= 0 ? year : year - 399) / 400;
    const int yoe = year - era * 400;
    const int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return static_cast<std::int64_t>(era) * 146097 + doe - 719468;
}

Timestamp to_timestamp(py::handle value, const Where& where) {
    import_datetime();
    if (PyDateTime_Check(value.ptr())) {
        auto* datetime = value.ptr();
        PyObject* zone = PyDateTime_DATE_GET_TZINFO(datetime);
        if (zone == Py_None)
            bad_value(where, "a datetime needs a time zone");
        if (zone == PyDateTime_TimeZone_UTC) {
            std::int64_t seconds =
                days_from_civil(PyDateTime_GET_YEAR(datetime), PyDateTime_GET_MONTH(datetime),
                                PyDateTime_GET_DAY(datetime)) *
                    86400 +
                PyDateTime_DATE_GET_HOUR(datetime) * 3600 +
                PyDateTime_DATE_GET_MINUTE(datetime) * 60 + PyDateTime_DATE_GET_SECOND(datetime);
            std::int32_t nanoseconds = PyDateTime_DATE_GET_MICROSECOND(datetime) * 1000;
            if (seconds < 0 && nanoseconds > 0) { // both parts carry the same sign
                ++seconds;
                nanoseconds -= 1'000'000'000;
            }
            return {seconds, nanoseconds};
        }
        try {
            auto converted = types().timestamp.attr("from_datetime")(value);
            return to_timestamp(converted, where);
        } catch (py::error_already_set& error) {
            if (!error.matches(PyExc_ValueError))
                throw;
            bad_value(where, "a datetime needs a time zone");
        }
    }
    if (is(value, types().timestamp))
        return {py::getattr(value, types().s_seconds).cast<std::int64_t>(),
                py::getattr(value, types().s_nanoseconds).cast<std::int32_t>()};
    wrong_type(where, "datetime", value);
}

double to_double(py::handle value, const Where& where) {
    if (PyFloat_Check(value.ptr()))
        return PyFloat_AS_DOUBLE(value.ptr());
    if (PyLong_Check(value.ptr()) && !PyBool_Check(value.ptr())) {
        const double number = PyLong_AsDouble(value.ptr());
        if (number == -1.0 && PyErr_Occurred()) {
            PyErr_Clear();
            bad_value(where, "the number is too large");
        }
        return number;
    }
    if (const py::object plain = without_numpy(value); !plain.is(value))
        return to_double(plain, where);
    wrong_type(where, "float", value);
}

template <std::size_t N>
std::array<std::uint8_t, N> fixed(py::handle value, const py::object& attribute) {
    auto bytes = py::bytes(py::getattr(value, attribute));
    std::array<std::uint8_t, N> result;
    std::memcpy(result.data(), PyBytes_AS_STRING(bytes.ptr()), N);
    return result;
}

Decimal128 to_decimal(py::handle value, const Where& where) {
    py::object number = py::reinterpret_borrow<py::object>(value);
    if (is(value, types().decimal)) {
        try {
            number = types().decimal128(value);
        } catch (py::error_already_set&) {
            bad_value(where, "decimal128 cannot hold the number exactly");
        }
    } else if (!is(value, types().decimal128)) {
        wrong_type(where, "Decimal128", value);
    }
    const auto bytes = fixed<16>(number, types().s_bid);
    Decimal128 result;
    std::memcpy(&result.low, bytes.data(), 8); // bid is little-endian, as we are
    std::memcpy(&result.high, bytes.data() + 8, 8);
    return result;
}

Type own_type(py::handle value, const Where& where) {
    PyObject* v = value.ptr();
    if (PyBool_Check(v))
        return Type::boolean;
    if (PyLong_Check(v))
        return Type::integer;
    if (PyFloat_Check(v))
        return is(value, types().float32) ? Type::float32 : Type::float64;
    if (PyUnicode_Check(v))
        return Type::string;
    if (PyBytes_Check(v) || PyByteArray_Check(v) || PyMemoryView_Check(v))
        return Type::binary;
    import_datetime();
    if (PyDateTime_Check(v) || is(value, types().timestamp))
        return Type::timestamp;
    if (is(value, types().object_id))
        return Type::object_id;
    if (is(value, types().uuid))
        return Type::uuid;
    if (is(value, types().decimal128) || is(value, types().decimal))
        return Type::decimal;
    wrong_type(where, "a value that a mixed property can hold", value);
}

} // namespace

void raise_python(const char* error_class, const std::string& message) {
    py::object cls = py::module_::import("realmsync.errors").attr(error_class);
    PyErr_SetString(cls.ptr(), message.c_str());
    throw py::error_already_set();
}

std::string_view utf8(py::handle value, const Where& where) {
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
    if (!data) {
        PyErr_Clear();
        bad_value(where, "the text has lone surrogates, which UTF-8 cannot hold");
    }
    if (static_cast<std::size_t>(size) > model::kMaxString)
        raise_python("LimitExceededError", where.text() + ": a string may have at most " +
                                               std::to_string(model::kMaxString) + " bytes");
    return {data, static_cast<std::size_t>(size)};
}

bool is_managed(py::handle value) { return is(value, types().object); }
bool is_embedded(py::handle value) { return is(value, types().embedded_object); }
bool is_collection(py::handle value) { return is(value, types().collection); }
bool is_counter(py::handle value) { return is(value, types().counter); }

Shape mixed_shape(py::handle value, const Where& where) {
    PyObject* v = value.ptr();
    if (v == Py_None || PyUnicode_Check(v) || PyLong_Check(v) || PyFloat_Check(v) ||
        PyBytes_Check(v) || PyByteArray_Check(v) || PyMemoryView_Check(v))
        return Shape::scalar;
    if (PyDict_Check(v))
        return Shape::dictionary;
    if (PyList_Check(v) || PyTuple_Check(v))
        return Shape::list;
    if (PyAnySet_Check(v))
        raise_python("PropertyTypeError",
                     where.text() + ": using a set as a mixed value is not supported");
    if (is_managed(value))
        return Shape::object;
    if (is_embedded(value))
        raise_python("PropertyTypeError",
                     where.text() + ": using an embedded object as a mixed value is not supported");
    if (is_collection(value)) {
        if (is(value, types().mapping))
            return Shape::dictionary;
        if (PySequence_Check(v))
            return Shape::list;
        raise_python("PropertyTypeError",
                     where.text() + ": using a set as a mixed value is not supported");
    }
    if (is(value, types().mapping))
        return Shape::dictionary;
    return Shape::scalar;
}

Scalar to_scalar(py::handle value, Type type, const Where& where, Scratch& scratch) {
    Scalar scalar;
    scalar.type = type == kMixed ? own_type(value, where) : type;
    PyObject* v = value.ptr();
    switch (scalar.type) {
    case Type::integer:
        if (!PyLong_Check(v) || PyBool_Check(v)) {
            if (PyBool_Check(v) || !PyIndex_Check(v))
                wrong_type(where, "int", value);
            auto index = py::reinterpret_steal<py::object>(PyNumber_Index(v)); // NumPy integers
            if (!index)
                throw py::error_already_set();
            scalar.integer = to_int64(index, where);
            break;
        }
        scalar.integer = to_int64(value, where);
        break;
    case Type::boolean:
        if (PyBool_Check(v))
            scalar.boolean = v == Py_True;
        else if (const py::object plain = without_numpy(value); PyBool_Check(plain.ptr()))
            scalar.boolean = plain.ptr() == Py_True;
        else
            wrong_type(where, "bool", value);
        break;
    case Type::string:
        if (!PyUnicode_Check(v))
            wrong_type(where, "str", value);
        scalar.bytes = utf8(value, where);
        break;
    case Type::binary:
        if (PyUnicode_Check(v))
            wrong_type(where, "bytes", value);
        scalar.bytes = binary(value, where, scratch);
        break;
    case Type::timestamp: scalar.timestamp = to_timestamp(value, where); break;
    case Type::float32: scalar.float32 = static_cast<float>(to_double(value, where)); break;
    case Type::float64: scalar.float64 = to_double(value, where); break;
    case Type::decimal: scalar.decimal = to_decimal(value, where); break;
    case Type::object_id:
        if (!is(value, types().object_id))
            wrong_type(where, "ObjectId", value);
        scalar.object_id.bytes = fixed<12>(value, types().s_binary);
        break;
    case Type::uuid:
        if (!is(value, types().uuid))
            wrong_type(where, "UUID", value);
        scalar.uuid.bytes = fixed<16>(value, types().s_bytes);
        break;
    default: wrong_type(where, "a scalar", value);
    }
    return scalar;
}

Key to_key(py::handle value, Type type, const Where& where, Scratch& scratch) {
    Key key;
    if (value.is_none())
        return key;
    if (type == Type::global_key) { // of a class without primary key, as from_key() gave it
        const auto halves = value.cast<std::pair<std::uint64_t, std::uint64_t>>();
        key.type = type;
        key.global = {halves.first, halves.second};
        return key;
    }
    const Scalar scalar = to_scalar(value, type, where, scratch);
    key.type = type;
    switch (type) {
    case Type::integer: key.integer = scalar.integer; break;
    case Type::string: key.string = scalar.bytes; break;
    case Type::object_id: key.object_id = scalar.object_id; break;
    case Type::uuid: key.uuid = scalar.uuid; break;
    default: wrong_type(where, "a primary key", value);
    }
    return key;
}

namespace {

py::object from_timestamp(Timestamp t) {
    // Python's datetime covers the years 1 to 9999, in whole microseconds.
    constexpr std::int64_t kFirst = -62'135'596'800, kLast = 253'402'300'799;
    std::int64_t seconds = t.seconds;
    std::int64_t nanoseconds = t.nanoseconds;
    if (nanoseconds < 0) {
        --seconds;
        nanoseconds += 1'000'000'000;
    }
    if (t.nanoseconds % 1000 != 0 || seconds < kFirst || seconds > kLast)
        return types().timestamp(t.seconds, t.nanoseconds);
    std::int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        --days;
    }
    days += 719468;
    const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const int doe = static_cast<int>(days - era * 146097);
    const int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const int mp = (5 * doy + 2) / 153;
    const int day = doy - (153 * mp + 2) / 5 + 1;
    const int month = mp < 10 ? mp + 3 : mp - 9;
    const int year = static_cast<int>(yoe + era * 400) + (month <= 2);
    import_datetime();
    auto result = py::reinterpret_steal<py::object>(PyDateTimeAPI->DateTime_FromDateAndTime(
        year, month, day, static_cast<int>(rest / 3600), static_cast<int>(rest / 60 % 60),
        static_cast<int>(rest % 60), static_cast<int>(nanoseconds / 1000), PyDateTime_TimeZone_UTC,
        PyDateTimeAPI->DateTimeType));
    if (!result)
        throw py::error_already_set();
    return result;
}

py::object text(std::string_view s) {
    auto result = py::reinterpret_steal<py::object>(
        PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), nullptr));
    if (!result)
        throw py::error_already_set();
    return result;
}

py::object from_object_id(const ObjectId& id) {
    return types().object_id(py::bytes(reinterpret_cast<const char*>(id.bytes.data()), 12));
}

py::object from_uuid(const Uuid& id) {
    return types().uuid(py::arg("bytes") =
                            py::bytes(reinterpret_cast<const char*>(id.bytes.data()), 16));
}

} // namespace

py::object from_value(const model::Value& value, Type declared) {
    LinkTarget link;
    const Scalar s = value.view(link);
    switch (s.type) {
    case Type::integer: return py::int_(s.integer);
    case Type::boolean: return py::bool_(s.boolean);
    case Type::string: return text(s.bytes);
    case Type::binary: return py::bytes(s.bytes.data(), s.bytes.size());
    case Type::timestamp: return from_timestamp(s.timestamp);
    case Type::float32:
        return declared == Type::float32 ? py::object(py::float_(s.float32))
                                         : types().float32(s.float32);
    case Type::float64: return py::float_(s.float64);
    case Type::decimal: {
        char bid[16];
        std::memcpy(bid, &s.decimal.low, 8);
        std::memcpy(bid + 8, &s.decimal.high, 8);
        return types().decimal128.attr("from_bid")(py::bytes(bid, 16));
    }
    case Type::object_id: return from_object_id(s.object_id);
    case Type::uuid: return from_uuid(s.uuid);
    default: return py::none();
    }
}

py::object from_key(const Key& key) {
    switch (key.type) {
    case Type::integer: return py::int_(key.integer);
    case Type::string: return text(key.string);
    case Type::object_id: return from_object_id(key.object_id);
    case Type::uuid: return from_uuid(key.uuid);
    case Type::global_key: return py::make_tuple(key.global.hi, key.global.lo);
    default: return py::none();
    }
}

} // namespace realmsync::bindings
