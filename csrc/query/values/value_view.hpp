// One value as an evaluation sees it: a small copy of a number, or a borrowed look at text, a link
// or a collection that an object holds. Making one costs nothing and allocates nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/values.hpp"
#include "model/value.hpp"

namespace realmsync::query {

struct Image;

class ValueView {
  public:
    ValueView() : integer_(0) {} // null
    explicit ValueView(const model::Value& value);
    explicit ValueView(std::int64_t value) : type_(Type::integer), integer_(value) {}
    explicit ValueView(float value) : type_(Type::float32), float32_(value) {}
    explicit ValueView(double value) : type_(Type::float64), float64_(value) {}
    explicit ValueView(const Decimal128& value) : type_(Type::decimal), decimal_(value) {}
    explicit ValueView(std::string_view text) : type_(Type::string), bytes_{text} {}
    explicit ValueView(const Image& object) : type_(Type::link), link_{nullptr, &object} {}

    // As of model::Value: embedded objects are object_value, collections list, set, dictionary.
    Type type() const { return type_; }
    bool is_null() const { return type_ == Type::null; }
    bool is_number() const {
        return type_ == Type::integer || type_ == Type::float32 || type_ == Type::float64 ||
               type_ == Type::decimal;
    }
    bool is_text() const { return type_ == Type::string || type_ == Type::binary; }
    bool is_container() const { return type_ < Type::null; }

    // Only of the type that each says.
    std::int64_t integer() const { return integer_; }
    bool boolean() const { return boolean_; }
    const Timestamp& timestamp() const { return timestamp_; }
    float float32() const { return float32_; }
    double float64() const { return float64_; }
    const Decimal128& decimal() const { return decimal_; }
    const ObjectId& object_id() const { return object_id_; }
    const Uuid& uuid() const { return uuid_; }
    std::string_view bytes() const { return bytes_; }             // string, binary
    const model::Value& container() const { return *container_; } // collection, embedded object
    std::string_view link_class() const;                          // of a link or object
    Key link_key() const;
    // A float or double as a double: widening is exact.
    double real() const {
        return type_ == Type::float32 ? static_cast<double>(float32_) : float64_;
    }

    model::Value to_value() const; // owned; containers and embedded objects are copied

  private:
    struct LinkView { // one of both
        const model::Link* stored;
        const Image* object;
    };
    Type type_ = Type::null;
    union {
        std::int64_t integer_;
        bool boolean_;
        Timestamp timestamp_;
        float float32_;
        double float64_;
        Decimal128 decimal_;
        ObjectId object_id_;
        Uuid uuid_;
        std::string_view bytes_;
        const model::Value* container_;
        LinkView link_;
    };
};

} // namespace realmsync::query
