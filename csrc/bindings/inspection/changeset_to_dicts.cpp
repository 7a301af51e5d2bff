// Instructions to Python dicts; the other direction is in changeset_from_dicts.cpp.
#include "bindings/inspection/changeset_dicts.hpp"

#include <vector>

#include "base/decimal.hpp"
#include "base/hex.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using namespace changeset;

py::str text(std::string_view utf8) { return py::str(utf8.data(), utf8.size()); }

// Keys are interned once per process: one changeset gives hundreds of thousands of them.
#define REALMSYNC_KEY(name)                                                                        \
    [] {                                                                                           \
        static PyObject* interned = PyUnicode_InternFromString(name);                              \
        return py::handle(interned);                                                               \
    }()

template <class T> std::string little_endian_hex(const T& value) {
    return to_hex({reinterpret_cast<const char*>(&value), sizeof value});
}

class Printer {
  public:
    explicit Printer(const Changeset& changeset)
        : changeset_(changeset), names_(changeset.strings.size()) {}

    py::list print_all() {
        py::list out(changeset_.instructions.size());
        py::ssize_t n = 0;
        for (const Instruction& i : changeset_.instructions)
            PyList_SET_ITEM(out.ptr(), n++, print(i).release().ptr());
        return out;
    }

  private:
    py::dict print(const Instruction& i) {
        py::dict out;
        set(out, REALMSYNC_KEY("op"), op(i.op));
        set(out, REALMSYNC_KEY("table"), name(i.table));
        switch (i.op) {
        case Op::add_table: print_add_table(out, i); break;
        case Op::erase_table: break;
        case Op::create_object:
        case Op::erase_object: set(out, REALMSYNC_KEY("pk"), key(i.key_type, i.key)); break;
        case Op::add_column: print_add_column(out, i); break;
        case Op::erase_column: set(out, REALMSYNC_KEY("field"), name(i.field)); break;
        default: print_path_instruction(out, i);
        }
        return out;
    }

    void print_add_table(py::dict& out, const Instruction& i) {
        if (i.table_kind == TableKind::embedded)
            return set(out, REALMSYNC_KEY("embedded"), py::bool_(true));
        set(out, REALMSYNC_KEY("pk_field"), name(i.field));
        set(out, REALMSYNC_KEY("pk_type"), type_code(i.value_type));
        set(out, REALMSYNC_KEY("pk_nullable"), py::bool_(i.nullable));
        set(out, REALMSYNC_KEY("asymmetric"), py::bool_(i.table_kind == TableKind::asymmetric));
    }

    void print_add_column(py::dict& out, const Instruction& i) {
        set(out, REALMSYNC_KEY("field"), name(i.field));
        set(out, REALMSYNC_KEY("type"), type_code(i.value_type));
        set(out, REALMSYNC_KEY("nullable"), py::bool_(i.nullable));
        set(out, REALMSYNC_KEY("collection"), py::int_(static_cast<int>(i.collection)));
        if (i.value_type == Type::link)
            set(out, REALMSYNC_KEY("target"), name(i.value.target));
        if (i.collection == Collection::dictionary)
            set(out, REALMSYNC_KEY("key_type"), type_code(i.key_type));
    }

    void print_path_instruction(py::dict& out, const Instruction& i) {
        set(out, REALMSYNC_KEY("pk"), key(i.key_type, i.key));
        set(out, REALMSYNC_KEY("field"), name(i.field));
        set(out, REALMSYNC_KEY("path"), path(i));
        switch (i.op) {
        case Op::update:
            set(out, REALMSYNC_KEY("value"), value(i));
            if (changeset_.addresses_element(i))
                set(out, REALMSYNC_KEY("prior_size"), py::int_(i.prior_size));
            else
                set(out, REALMSYNC_KEY("is_default"), py::bool_(i.is_default));
            break;
        case Op::add_integer: set(out, REALMSYNC_KEY("value"), py::int_(i.value.integer)); break;
        case Op::array_insert:
            set(out, REALMSYNC_KEY("value"), value(i));
            set(out, REALMSYNC_KEY("prior_size"), py::int_(i.prior_size));
            break;
        case Op::array_move:
            set(out, REALMSYNC_KEY("prior_size"), py::int_(i.prior_size));
            set(out, REALMSYNC_KEY("ndx_2"), py::int_(i.value.move_to));
            break;
        case Op::array_erase: set(out, REALMSYNC_KEY("prior_size"), py::int_(i.prior_size)); break;
        case Op::clear:
            set(out, REALMSYNC_KEY("collection"), py::int_(static_cast<int>(i.collection)));
            break;
        default: set(out, REALMSYNC_KEY("value"), value(i)); // sets
        }
    }

    py::list path(const Instruction& i) {
        auto steps = changeset_.path(i);
        py::list out(steps.size());
        for (std::size_t n = 0; n < steps.size(); ++n)
            out[n] = steps[n].is_string ? name(steps[n].value) : py::int_(steps[n].value);
        return out;
    }

    py::dict key(Type type, const KeyData& key) {
        py::dict out;
        switch (type) {
        case Type::integer: tagged(out, "int", py::int_(key.integer)); break;
        case Type::string: tagged(out, "string", name(key.string)); break;
        case Type::object_id: tagged(out, "objectid", text(format_object_id(key.object_id))); break;
        case Type::uuid: tagged(out, "uuid", text(format_uuid(key.uuid))); break;
        case Type::global_key:
            tag(out, "globalkey");
            set(out, REALMSYNC_KEY("hi"), py::int_(key.global.hi));
            set(out, REALMSYNC_KEY("lo"), py::int_(key.global.lo));
            break;
        default: tag(out, "null");
        }
        return out;
    }

    py::dict value(const Instruction& i) {
        py::dict out;
        const ValueData& value = i.value;
        switch (i.value_type) {
        case Type::set: tag(out, "set"); break;
        case Type::list: tag(out, "list"); break;
        case Type::erased: tag(out, "erased"); break;
        case Type::dictionary: tag(out, "dictionary"); break;
        case Type::object_value: tag(out, "object_value"); break;
        case Type::global_key: // no payload
        case Type::null: tag(out, "null"); break;
        case Type::integer: tagged(out, "int", py::int_(value.integer)); break;
        case Type::boolean: tagged(out, "bool", py::bool_(value.boolean)); break;
        case Type::string:
            tagged(out, "string", text({value.string.data, value.string.size}));
            break;
        case Type::binary:
            tag(out, "binary");
            set(out, REALMSYNC_KEY("hex"), text(to_hex({value.string.data, value.string.size})));
            break;
        case Type::timestamp:
            tag(out, "timestamp");
            set(out, REALMSYNC_KEY("s"), py::int_(value.timestamp.seconds));
            set(out, REALMSYNC_KEY("ns"), py::int_(value.timestamp.nanoseconds));
            break;
        case Type::float32:
            tag(out, "float");
            set(out, REALMSYNC_KEY("hex_le"), text(little_endian_hex(value.float32)));
            break;
        case Type::float64:
            tag(out, "double");
            set(out, REALMSYNC_KEY("hex_le"), text(little_endian_hex(value.float64)));
            break;
        case Type::decimal:
            tagged(out, "decimal128", text(to_reference_text(value.decimal)));
            break;
        case Type::link: {
            const Link& link = changeset_.links[value.link];
            tag(out, "link");
            set(out, REALMSYNC_KEY("table"), name(link.table));
            set(out, REALMSYNC_KEY("pk"), key(link.key_type, link.key));
            break;
        }
        case Type::object_id:
            tagged(out, "objectid", text(format_object_id(value.object_id)));
            break;
        case Type::uuid: tagged(out, "uuid", text(format_uuid(value.uuid))); break;
        }
        return out;
    }

    static void set(py::dict& out, py::handle key, py::handle value) {
        if (PyDict_SetItem(out.ptr(), key.ptr(), value.ptr()) != 0)
            throw py::error_already_set();
    }
    static void tag(py::dict& out, const char* type) {
        set(out, REALMSYNC_KEY("t"),
            py::reinterpret_steal<py::str>(PyUnicode_InternFromString(type)));
    }
    static void tagged(py::dict& out, const char* type, py::handle value) {
        tag(out, type);
        set(out, REALMSYNC_KEY("v"), value);
    }
    static py::int_ type_code(Type type) { return py::int_(static_cast<int>(type)); }

    py::object op(Op op) {
        py::object& cached = ops_[static_cast<std::size_t>(op)];
        if (!cached)
            cached = text(op_name(op));
        return cached;
    }
    py::object name(StringId id) {
        py::object& cached = names_[id];
        if (!cached)
            cached = text(changeset_.strings[id]);
        return cached;
    }

    const Changeset& changeset_;
    std::vector<py::object> names_; // one str per interned string, made at its first use
    py::object ops_[14];
};

#undef REALMSYNC_KEY

} // namespace

py::list to_dicts(const Changeset& changeset) { return Printer(changeset).print_all(); }

} // namespace realmsync::bindings
