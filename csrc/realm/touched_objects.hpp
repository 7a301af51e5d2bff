// Which objects commits have written, by class and primary key: what a changeset names. Objects
// that were created or erased are among them, and those whose embedded objects were written. Of
// each it is known whether it was erased, and, in detail, which properties were written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "changeset/instruction.hpp"
#include "model/value.hpp"

namespace realmsync::realm {

class TouchedObjects {
  public:
    enum class Detail : std::uint8_t { objects, properties };
    explicit TouchedObjects(Detail detail = Detail::objects) : detail_(detail) {}

    // A write inside of a property.
    struct Written {
        std::uint32_t property; // number of its name among those of the class
        std::uint8_t depth;     // steps from the property to what was written, 2: or more
    };
    struct Touch {
        bool is_erased = false; // perhaps made anew since
        bool is_whole = false;  // any property may have been written
        std::vector<Written> written;
    };
    class OfClass;

    void add(std::string_view cls, const Key& key);  // and nobody knows what of it
    void add(const changeset::Changeset& changeset); // O(instructions)
    void add(const TouchedObjects& other);
    // Nobody knows which: any may have been written.
    void add_unknown() { is_unknown_ = true; }

    bool is_unknown() const { return is_unknown_; }
    bool has(std::string_view cls) const { return is_unknown_ || classes_.contains(cls); }
    bool has(std::string_view cls, const Key& key) const;
    bool has_erased(std::string_view cls) const; // one or more of the class
    bool has_erased() const;                     // of any
    bool empty() const { return !is_unknown_ && classes_.empty(); }
    const OfClass* of(std::string_view cls) const; // null: none

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(const Key& key) const { return model::hash(key); }
        std::size_t operator()(const model::ObjectKey& key) const {
            return model::hash(key.view());
        }
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>()(text);
        }
    };
    struct Equal {
        using is_transparent = void;
        static const Key& view(const Key& key) { return key; }
        static Key view(const model::ObjectKey& key) { return key.view(); }
        template <class A, class B> bool operator()(const A& a, const B& b) const {
            return model::equal(view(a), view(b));
        }
    };

  public:
    class OfClass {
      public:
        using Touches = std::unordered_map<model::ObjectKey, Touch, Hash, Equal>;
        const Touches& objects() const { return touches_; }
        const std::string& name(const Written& written) const { return names_[written.property]; }
        bool has_erased() const { return has_erased_; }

      private:
        friend TouchedObjects;
        Touch& at(const Key& key);
        void write(Touch& touch, std::string_view property, std::size_t depth);
        void add(const OfClass& other);

        Touches touches_;
        std::vector<std::string> names_; // of properties, in the order of the first writes
        bool has_erased_ = false;
    };

  private:
    OfClass& class_of(std::string_view cls);
    void add(const changeset::Changeset& changeset, const changeset::Instruction& instruction);

    std::unordered_map<std::string, OfClass, Hash, std::equal_to<>> classes_;
    Detail detail_;
    bool is_unknown_ = false;
};

} // namespace realmsync::realm
