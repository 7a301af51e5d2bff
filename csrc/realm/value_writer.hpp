// Writes whole values, with what lies in them, as local writes that are recorded. Links to objects
// that are not there are left out.
#pragma once

#include "realm/write_transaction.hpp"

namespace realmsync::realm {

// What is written for a value itself; what lies in it comes after. `link`: what a link points to.
Scalar head_of(const model::Value& value, LinkTarget& link);

class ValueWriter {
  public:
    // `source`: whose values they are, since embedded objects have them in its order.
    ValueWriter(WriteTransaction& transaction, const model::Schema& source)
        : transaction_(transaction), source_(source) {}

    // The list at `target` gets the elements of `list`; those that it begins and ends with already
    // are not written. Nothing is done when something else lies there.
    void assign_list(const tables::Target& target, const model::List& list);

  private:
    void set(const tables::Target& target, const model::Value& value);
    void fill(const tables::Target& target, const model::Value& value);
    void fill(const tables::Target& target, const model::Embedded& embedded);
    bool is_dead(const model::Value& value);

    WriteTransaction& transaction_;
    const model::Schema& source_;
};

} // namespace realmsync::realm
