// Python dicts to instructions; the other direction is in changeset_to_dicts.cpp. Everything that
// the parser would refuse is refused here, so that what this makes can be read again.
#include "bindings/inspection/changeset_dicts.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/decimal.hpp"
#include "base/hex.hpp"
#include "changeset/codec.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using namespace changeset;

// One dict being read: which instruction and which part of it, and which keys were asked for.
class Fields {
  public:
    Fields(py::handle dict, std::size_t index, std::string part = {})
        : dict_(dict), index_(index), part_(std::move(part)) {
        if (!PyDict_Check(dict.ptr()))
            fail_type("a dict", dict);
    }

    bool has(const char* key) const { return PyDict_GetItemString(dict_.ptr(), key) != nullptr; }

    py::handle get(const char* key) {
        PyObject* value = PyDict_GetItemString(dict_.ptr(), key);
        at_ = key;
        if (!value)
            fail("is missing");
        seen_.push_back(key);
        return value;
    }

    Fields sub(const char* key) { return Fields(get(key), index_, part_ + key + '.'); }

    // Borrowed from the str object, which the caller's dicts keep alive.
    std::string_view get_text(const char* key) { return as_text(get(key)); }
    std::string_view as_text(py::handle value) const {
        if (!PyUnicode_Check(value.ptr()))
            fail_type("a str", value);
        Py_ssize_t size = 0;
        const char* data = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
        if (!data) {
            PyErr_Clear();
            fail("cannot be encoded as UTF-8");
        }
        if (static_cast<std::size_t>(size) > kMaxStringSize)
            fail("is too long");
        return {data, static_cast<std::size_t>(size)};
    }

    bool get_bool(const char* key) {
        py::handle value = get(key);
        if (!PyBool_Check(value.ptr()))
            fail_type("a bool", value);
        return value.ptr() == Py_True;
    }

    std::int64_t get_int(const char* key) { return get_int(key, INT64_MIN, INT64_MAX); }
    std::int64_t get_int(const char* key, std::int64_t low, std::int64_t high) {
        return as_int(get(key), low, high);
    }
    std::int64_t as_int(py::handle value, std::int64_t low, std::int64_t high) const {
        check_int(value);
        int overflow = 0;
        long long number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
        if (overflow != 0 || number < low || number > high)
            fail("is out of range");
        return number;
    }
    std::uint64_t get_u64(const char* key) {
        py::handle value = get(key);
        check_int(value);
        unsigned long long number = PyLong_AsUnsignedLongLong(value.ptr());
        if (PyErr_Occurred()) {
            PyErr_Clear();
            fail("is out of range");
        }
        return number;
    }
    std::uint32_t get_u32(const char* key) {
        return static_cast<std::uint32_t>(get_int(key, 0, UINT32_MAX));
    }

    // The value of `key` under a conversion that may refuse it.
    template <class Convert> auto get_converted(const char* key, Convert convert) {
        auto converted = convert(get_text(key));
        if (!converted)
            fail("is malformed");
        return *converted;
    }

    // Nothing may be left that nobody asked for.
    void finish() const {
        if (static_cast<std::size_t>(PyDict_Size(dict_.ptr())) == seen_.size())
            return;
        for (auto item : py::reinterpret_borrow<py::dict>(dict_)) {
            bool known = false;
            if (PyUnicode_Check(item.first.ptr()))
                for (const char* key : seen_)
                    known |= PyUnicode_CompareWithASCIIString(item.first.ptr(), key) == 0;
            if (!known)
                throw py::value_error(instruction() + "unexpected key " + part_ +
                                      py::cast<std::string>(py::repr(item.first)));
        }
    }

    // About the key asked for last.
    [[noreturn]] void fail(const std::string& what) const {
        throw py::value_error(instruction() + place() + what);
    }
    [[noreturn]] void fail_type(const std::string& wanted, py::handle got) const {
        throw py::type_error(instruction() + place() + "must be " + wanted + ", not " +
                             Py_TYPE(got.ptr())->tp_name);
    }

  private:
    void check_int(py::handle value) const {
        if (!PyLong_Check(value.ptr()) || PyBool_Check(value.ptr()))
            fail_type("an int", value);
    }
    std::string instruction() const { return "instruction " + std::to_string(index_) + ": "; }
    // "value.pk.v " for a key; nothing for the whole instruction.
    std::string place() const {
        std::string path = at_ ? part_ + at_ : part_.substr(0, part_.find_last_of('.'));
        return path.empty() ? path : path + ' ';
    }

    py::handle dict_;
    std::size_t index_;
    std::string part_;
    const char* at_ = nullptr;
    std::vector<const char*> seen_;
};

class Reader {
  public:
    Changeset read_all(py::handle instructions) {
        auto sequence = py::reinterpret_steal<py::object>(
            PySequence_Fast(instructions.ptr(), "instructions must be a list of dicts"));
        if (!sequence)
            throw py::error_already_set();
        auto count = static_cast<std::size_t>(PySequence_Fast_GET_SIZE(sequence.ptr()));
        out_.instructions.reserve(count);
        for (std::size_t n = 0; n < count; ++n) {
            Fields fields(PySequence_Fast_GET_ITEM(sequence.ptr(), static_cast<Py_ssize_t>(n)), n);
            out_.instructions.push_back(read(fields));
            fields.finish();
        }
        return std::move(out_);
    }

  private:
    Instruction read(Fields& fields) {
        Instruction i{};
        std::string_view op = fields.get_text("op");
        int code = 0;
        while (code <= static_cast<int>(Op::set_erase) && op_name(static_cast<Op>(code)) != op)
            ++code;
        if (code > static_cast<int>(Op::set_erase))
            fields.fail("is no instruction");
        i.op = static_cast<Op>(code);
        i.table = intern(fields.get_text("table"));
        switch (i.op) {
        case Op::add_table: read_add_table(fields, i); break;
        case Op::erase_table: break;
        case Op::create_object:
        case Op::erase_object: read_key(fields, i.key_type, i.key); break;
        case Op::add_column: read_add_column(fields, i); break;
        case Op::erase_column: i.field = intern(fields.get_text("field")); break;
        default: read_path_instruction(fields, i);
        }
        return i;
    }

    void read_add_table(Fields& fields, Instruction& i) {
        if (fields.has("embedded")) {
            if (!fields.get_bool("embedded"))
                fields.fail("is true or absent");
            i.table_kind = TableKind::embedded;
            return;
        }
        i.field = intern(fields.get_text("pk_field"));
        i.value_type = read_type(fields, "pk_type");
        if (!is_primary_key_type(i.value_type))
            fields.fail("is no type of primary keys");
        i.nullable = fields.get_bool("pk_nullable");
        i.table_kind = fields.get_bool("asymmetric") ? TableKind::asymmetric : TableKind::top_level;
    }

    void read_add_column(Fields& fields, Instruction& i) {
        i.field = intern(fields.get_text("field"));
        i.value_type = read_type(fields, "type");
        i.nullable = fields.get_bool("nullable");
        i.collection = read_collection(fields);
        if (i.value_type == Type::link)
            i.value.target = intern(fields.get_text("target"));
        else
            intern(""); // unused, but the reference defines it here (changeset-format.md 10)
        if (i.collection == Collection::dictionary)
            i.key_type = read_type(fields, "key_type");
    }

    void read_path_instruction(Fields& fields, Instruction& i) {
        read_key(fields, i.key_type, i.key);
        i.field = intern(fields.get_text("field"));
        read_path(fields, i);
        bool element = out_.addresses_element(i);
        switch (i.op) {
        case Op::update:
            read_value(fields, i);
            if (element)
                i.prior_size = fields.get_u32("prior_size");
            else
                i.is_default = fields.get_bool("is_default");
            break;
        case Op::add_integer: i.value.integer = fields.get_int("value"); break;
        case Op::clear: i.collection = read_collection(fields); break;
        case Op::array_insert:
        case Op::array_move:
        case Op::array_erase:
            if (!element)
                fields.fail("must end in an index");
            if (i.op == Op::array_insert)
                read_value(fields, i);
            else if (i.op == Op::array_move)
                i.value.move_to = fields.get_u32("ndx_2");
            i.prior_size = fields.get_u32("prior_size");
            break;
        default: read_value(fields, i); // sets
        }
    }

    void read_path(Fields& fields, Instruction& i) {
        py::handle path = fields.get("path");
        if (!PyList_Check(path.ptr()))
            fields.fail_type("a list", path);
        i.path_begin = static_cast<std::uint32_t>(out_.paths.size());
        i.path_size = static_cast<std::uint32_t>(PyList_GET_SIZE(path.ptr()));
        for (std::uint32_t n = 0; n < i.path_size; ++n) {
            py::handle step = PyList_GET_ITEM(path.ptr(), n);
            if (PyUnicode_Check(step.ptr()))
                out_.paths.push_back({true, intern(fields.as_text(step))});
            else
                out_.paths.push_back(
                    {false, static_cast<std::uint32_t>(fields.as_int(step, 0, UINT32_MAX))});
        }
    }

    Type read_type(Fields& fields, const char* key) {
        return static_cast<Type>(
            fields.get_int(key, static_cast<int>(Type::set), static_cast<int>(Type::uuid)));
    }
    Collection read_collection(Fields& fields) {
        return static_cast<Collection>(
            fields.get_int("collection", 0, static_cast<int>(Collection::set)));
    }

    void read_key(Fields& parent, Type& type, KeyData& key) {
        Fields fields = parent.sub("pk");
        std::string_view tag = fields.get_text("t");
        if (tag == "null") {
            type = Type::null;
        } else if (tag == "int") {
            type = Type::integer;
            key.integer = fields.get_int("v");
        } else if (tag == "string") {
            type = Type::string;
            key.string = intern(fields.get_text("v"));
        } else if (tag == "objectid") {
            type = Type::object_id;
            key.object_id = fields.get_converted("v", parse_object_id);
        } else if (tag == "uuid") {
            type = Type::uuid;
            key.uuid = fields.get_converted("v", parse_uuid);
        } else if (tag == "globalkey") {
            type = Type::global_key;
            key.global.hi = fields.get_u64("hi");
            key.global.lo = fields.get_u64("lo");
        } else {
            fields.fail("is no type of object keys");
        }
        fields.finish();
    }

    void read_value(Fields& parent, Instruction& i) {
        static const std::unordered_map<std::string_view, Type> types = {
            {"set", Type::set},        {"list", Type::list},
            {"erased", Type::erased},  {"dictionary", Type::dictionary},
            {"null", Type::null},      {"object_value", Type::object_value},
            {"int", Type::integer},    {"bool", Type::boolean},
            {"string", Type::string},  {"binary", Type::binary},
            {"float", Type::float32},  {"timestamp", Type::timestamp},
            {"double", Type::float64}, {"decimal128", Type::decimal},
            {"link", Type::link},      {"objectid", Type::object_id},
            {"uuid", Type::uuid}};
        Fields fields = parent.sub("value");
        auto found = types.find(fields.get_text("t"));
        if (found == types.end())
            fields.fail("is no type of values");
        i.value_type = found->second;
        read_content(fields, i);
        fields.finish();
    }

    void read_content(Fields& fields, Instruction& i) {
        ValueData& value = i.value;
        switch (i.value_type) {
        case Type::integer: value.integer = fields.get_int("v"); break;
        case Type::boolean: value.boolean = fields.get_bool("v"); break;
        case Type::string: value.string = data(fields.get_text("v")); break;
        case Type::binary:
            out_.buffers.push_back(
                std::make_shared<const std::string>(fields.get_converted("hex", from_hex)));
            value.string = data(*out_.buffers.back());
            break;
        case Type::timestamp: value.timestamp = read_timestamp(fields); break;
        case Type::float32: read_bits(fields, value.float32); break;
        case Type::float64: read_bits(fields, value.float64); break;
        case Type::decimal: value.decimal = fields.get_converted("v", from_reference_text); break;
        case Type::object_id: value.object_id = fields.get_converted("v", parse_object_id); break;
        case Type::uuid: value.uuid = fields.get_converted("v", parse_uuid); break;
        case Type::link: {
            Link link{};
            link.table = intern(fields.get_text("table"));
            read_key(fields, link.key_type, link.key);
            value.link = static_cast<std::uint32_t>(out_.links.size());
            out_.links.push_back(link);
            break;
        }
        default: break; // markers
        }
    }

    Timestamp read_timestamp(Fields& fields) {
        std::int64_t seconds = fields.get_int("s");
        std::int64_t nanos = fields.get_int("ns", -999'999'999, 999'999'999);
        if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0))
            fields.fail("must have the sign of s");
        return {seconds, static_cast<std::int32_t>(nanos)};
    }

    template <class T> void read_bits(Fields& fields, T& value) {
        std::string bytes = fields.get_converted("hex_le", from_hex);
        if (bytes.size() != sizeof value)
            fields.fail("must have " + std::to_string(2 * sizeof value) + " digits");
        std::memcpy(&value, bytes.data(), sizeof value);
    }

    static StringData data(std::string_view text) { return {text.data(), text.size()}; }

    StringId intern(std::string_view name) {
        auto [known, added] = ids_.try_emplace(name, static_cast<StringId>(out_.strings.size()));
        if (added)
            out_.strings.push_back(name);
        return known->second;
    }

    Changeset out_;
    std::unordered_map<std::string_view, StringId> ids_;
};

} // namespace

Changeset from_dicts(py::handle instructions) { return Reader().read_all(instructions); }

} // namespace realmsync::bindings
