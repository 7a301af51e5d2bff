#include "bindings/values/columns.hpp"

#include <cmath>
#include <optional>

namespace py = pybind11;

namespace realmsync::bindings {

void null_in_column(const DeclaredClass& cls, const DeclaredProperty& property, std::size_t row) {
    py::gil_scoped_acquire acquire; // columns are read without it
    raise_python("PropertyNotNullableError", "'" + cls.name + "." + property.label + "[" +
                                                 std::to_string(row) +
                                                 "]' is required: null is no value");
}

Scalar whole_number(double number, bool nullable, const std::string& label, std::size_t row) {
    constexpr double kExact = 9'007'199'254'740'992; // 2^53: beyond it neighbours look the same
    Scalar scalar;
    if (nullable && std::isnan(number))
        return scalar;
    if (!(std::abs(number) <= kExact) || number != std::trunc(number)) {
        py::gil_scoped_acquire acquire;
        raise_python("PropertyTypeError", "Expected " + label.substr(0, label.size() - 1) + "[" +
                                              std::to_string(row) + "]' to be int, got " +
                                              py::str(py::float_(number)).cast<std::string>());
    }
    scalar.type = Type::integer;
    scalar.integer = static_cast<std::int64_t>(number);
    return scalar;
}

namespace {

class ObjectColumn final : public Column {
  public:
    ObjectColumn(const DeclaredClass& cls, const DeclaredProperty& property, py::object values)
        : cls_(cls), property_(property), values_(py::reinterpret_steal<py::object>(PySequence_Fast(
                                              values.ptr(), "a column must be a sequence"))) {
        if (!values_)
            throw py::error_already_set();
    }
    std::size_t size() const override {
        return static_cast<std::size_t>(PySequence_Fast_GET_SIZE(values_.ptr()));
    }
    Scalar at(std::size_t row) override {
        const py::handle value =
            PySequence_Fast_GET_ITEM(values_.ptr(), static_cast<Py_ssize_t>(row));
        if (value.is_none())
            return {};
        const Where where{cls_.name, property_.label, {}, static_cast<std::ptrdiff_t>(row)};
        if (property_.type == kMixed && mixed_shape(value, where) != Shape::scalar)
            raise_python("IllegalOperationError",
                         where.text() + ": columns of mixed values hold scalars only");
        return to_scalar(value, property_.type, where, scratch_);
    }
    py::object object_at(std::size_t row) override {
        return py::reinterpret_borrow<py::object>(
            PySequence_Fast_GET_ITEM(values_.ptr(), static_cast<Py_ssize_t>(row)));
    }
    bool needs_python() const override { return true; }
    void forget() override { scratch_ = {}; }

  private:
    const DeclaredClass& cls_;
    const DeclaredProperty& property_;
    py::object values_;
    Scratch scratch_;
};

class Buffer {
  public:
    explicit Buffer(py::handle object) {
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_RECORDS_RO) != 0)
            throw py::error_already_set();
        if (view_.ndim != 1) {
            PyBuffer_Release(&view_);
            raise_python("InvalidArgumentError", "a column must have one dimension");
        }
    }
    ~Buffer() {
        py::gil_scoped_acquire acquire;
        PyBuffer_Release(&view_);
    }
    Buffer(const Buffer&) = delete;
    std::size_t size() const { return static_cast<std::size_t>(view_.shape[0]); }
    // struct's code of the elements, without a mark for the native byte order; 0: not supported.
    char format() const {
        const char* f = view_.format ? view_.format : "B";
        if (*f == '@' || *f == '=' || *f == '<')
            ++f;
        return f[0] && !f[1] ? f[0] : '\0';
    }
    template <class T> T get(std::size_t row) const {
        T value;
        std::memcpy(&value,
                    static_cast<const char*>(view_.buf) +
                        static_cast<Py_ssize_t>(row) * view_.strides[0],
                    sizeof value);
        return value;
    }

  private:
    Py_buffer view_;
};

class BufferColumn final : public Column {
  public:
    BufferColumn(const DeclaredClass& cls, const DeclaredProperty& property, py::object values,
                 py::object mask, std::int64_t unit)
        : type_(property.type), nullable_(property.nullable), unit_(unit), values_(values),
          format_(values_.format()) {
        const std::string dtype = unit != 0 ? "datetime64"
                                  : py::hasattr(values, "dtype")
                                      ? py::str(values.attr("dtype")).cast<std::string>()
                                      : "format '" + std::string(1, format_) + "'";
        const Where where{cls.name, property.label};
        if (!mask.is_none()) {
            mask_.emplace(mask);
            if (mask_->size() != values_.size())
                raise_python("InvalidArgumentError", where.text() + ": the mask differs in length");
        }
        const bool integer =
            std::string_view("bBhHiIlLqQnN").find(format_) != std::string::npos && format_ != '\0';
        const bool floating = format_ == 'f' || format_ == 'd';
        if (type_ == kMixed)
            type_ = integer    ? Type::integer
                    : floating ? (format_ == 'f' ? Type::float32 : Type::float64)
                               : Type::boolean;
        bool fits = false;
        switch (type_) {
        case Type::integer: fits = integer || floating; break;
        case Type::boolean: fits = format_ == '?'; break;
        case Type::float64:
        case Type::float32: fits = floating || integer; break;
        case Type::timestamp: fits = unit_ != 0 && format_ != '?' && integer; break;
        default: break;
        }
        if (!fits)
            raise_python("PropertyTypeError",
                         "An array of " + dtype + " does not fit " + where.text());
        label_ = where.text();
    }
    std::size_t size() const override { return values_.size(); }
    Scalar at(std::size_t row) override {
        Scalar scalar;
        if (mask_ && mask_->get<bool>(row))
            return scalar;
        switch (type_) {
        case Type::integer:
            if (format_ == 'f' || format_ == 'd')
                return whole_number(real(row), nullable_, label_, row);
            scalar.integer = integer(row);
            break;
        case Type::boolean: scalar.boolean = values_.get<std::uint8_t>(row) != 0; break;
        case Type::float64:
        case Type::float32: {
            const double number = real(row);
            if (nullable_ && std::isnan(number)) // arrays of floats have no other null
                return scalar;
            if (type_ == Type::float64)
                scalar.float64 = number;
            else
                scalar.float32 = static_cast<float>(number);
            break;
        }
        default: {
            const std::int64_t ticks = integer(row);
            if (ticks == INT64_MIN) // NumPy's not-a-time
                return scalar;
            scalar.timestamp = {ticks / unit_,
                                static_cast<std::int32_t>(ticks % unit_ * (1'000'000'000 / unit_))};
        }
        }
        scalar.type = type_;
        return scalar;
    }
    py::object object_at(std::size_t row) override {
        return from_value(model::Value(at(row)), type_);
    }

  private:
    std::int64_t integer(std::size_t row) const {
        switch (format_) {
        case 'b': return values_.get<std::int8_t>(row);
        case 'B': return values_.get<std::uint8_t>(row);
        case 'h': return values_.get<std::int16_t>(row);
        case 'H': return values_.get<std::uint16_t>(row);
        case 'i': return values_.get<std::int32_t>(row);
        case 'I': return values_.get<std::uint32_t>(row);
        case 'l':
        case 'q':
        case 'n': return values_.get<std::int64_t>(row);
        default: {
            const auto value = values_.get<std::uint64_t>(row);
            if (value > INT64_MAX) {
                py::gil_scoped_acquire acquire;
                raise_python("InvalidArgumentError", label_ + ": the number does not fit 64 bits");
            }
            return static_cast<std::int64_t>(value);
        }
        }
    }
    double real(std::size_t row) const {
        if (format_ == 'd')
            return values_.get<double>(row);
        if (format_ == 'f')
            return values_.get<float>(row);
        return static_cast<double>(integer(row));
    }

    Type type_;
    const bool nullable_;
    const std::int64_t unit_;
    Buffer values_;
    const char format_;
    std::optional<Buffer> mask_;
    std::string label_;
};

class DefaultColumn final : public Column {
  public:
    DefaultColumn(const DeclaredClass& cls, const DeclaredProperty& property, std::size_t size)
        : cls_(cls), property_(property), size_(size),
          callable_(PyCallable_Check(property.default_value.ptr())) {
        if (!callable_)
            constant_ = convert(property.default_value);
    }
    std::size_t size() const override { return size_; }
    Scalar at(std::size_t) override {
        return callable_ ? convert(scratch_.objects.emplace_front(property_.default_value()))
                         : constant_;
    }
    py::object object_at(std::size_t row) override {
        return from_value(model::Value(at(row)), property_.type);
    }
    bool needs_python() const override { return callable_; }
    void forget() override {
        if (callable_)
            scratch_ = {};
    }

  private:
    Scalar convert(py::handle value) {
        if (value.is_none())
            return {};
        const Where where{cls_.name, property_.label};
        if (property_.type == kMixed && mixed_shape(value, where) != Shape::scalar)
            raise_python("IllegalOperationError",
                         where.text() + ": defaults of columns are scalars only");
        return to_scalar(value, property_.type, where, scratch_);
    }

    const DeclaredClass& cls_;
    const DeclaredProperty& property_;
    const std::size_t size_;
    const bool callable_;
    Scalar constant_;
    Scratch scratch_;
};

} // namespace

std::unique_ptr<Column> default_column(const DeclaredClass& cls, const DeclaredProperty& property,
                                       std::size_t size) {
    return std::make_unique<DefaultColumn>(cls, property, size);
}

std::unique_ptr<Column> python_column(const DeclaredClass& cls, const DeclaredProperty& property,
                                      py::object values, py::object mask, std::int64_t unit) {
    PyObject* v = values.ptr();
    if (PyList_Check(v) || PyTuple_Check(v) || !PyObject_CheckBuffer(v))
        return std::make_unique<ObjectColumn>(cls, property, std::move(values));
    return std::make_unique<BufferColumn>(cls, property, std::move(values), std::move(mask), unit);
}

} // namespace realmsync::bindings
